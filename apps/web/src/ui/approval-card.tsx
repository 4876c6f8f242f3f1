import { useSignal } from '@preact/signals'
import type { ApprovalAsk, DecidedBy, Decision, WorkspaceId } from '@berth/wire'
import { attempt, client, go, now, pathTo, refresh } from '../state/session.ts'
import { ago, Icon } from './icon.tsx'
import { inert } from './inert.ts'
import { Command, Prose } from './prose.tsx'
import { QuestionForm } from './question-form.tsx'
import { pathOf, questionOf, toolWords } from './tool-words.ts'

export interface Asked {
  readonly ask: ApprovalAsk
  readonly state: 'open' | 'decided' | 'applied' | 'orphaned' | 'superseded'
  readonly behavior: 'allow' | 'deny' | null
  readonly by: DecidedBy | null
}

/** The decision stands in the card: what is asked, all of it, deny then allow. `place`: shown outside of its workspace. */
export function ApprovalCard({ card, place }: { card: Asked; place?: { id: WorkspaceId; name: string; repository: string; askedAt: number } }) {
  const sending = useSignal(false)
  const { ask } = card
  const decide = async (decision: Omit<Decision, 'scope'>) => {
    sending.value = true
    await attempt(() => client.decideApproval({ id: ask.approvalId, decision: { ...decision, scope: 'once' }, via: 'web' }))
    sending.value = false
    await refresh()
  }
  if (card.state !== 'open' && card.state !== 'orphaned') return <Answered card={card} />
  return (
    <section class="ask" aria-label={`Needs you: ${questionOf(ask)}`}>
      <div class="in">
        {place ? (
          <a class="head" href={pathTo(place.id)} onClick={(event) => { event.preventDefault(); go(pathTo(place.id)) }}>
            <Icon name="st-needs" />
            <h3>{questionOf(ask)}</h3>
            <span class="meta">{ago(place.askedAt, now.value)}</span>
            <p class="meta"><b>{place.name}</b> · {place.repository}</p>
          </a>
        ) : (
          <header class="head">
            <Icon name="st-needs" />
            <h3>{questionOf(ask)}</h3>
          </header>
        )}
        <Content ask={ask} />
        {card.state === 'orphaned' && <p class="meta">The agent stopped while it waited. Your answer wakes it.</p>}
      </div>
      {ask.kind === 'question' ? (
        <QuestionForm ask={ask} sending={sending.value} decide={decide} />
      ) : (
        <div class="acts">
          <button type="button" class="deny" disabled={sending.value} onClick={() => void decide({ behavior: 'deny' })}>{ask.kind === 'plan' ? 'Keep planning' : 'Deny'}</button>
          <button type="button" class="allow" disabled={sending.value} onClick={() => void decide({ behavior: 'allow' })}>{ask.kind === 'plan' ? 'Go ahead' : 'Allow once'}</button>
        </div>
      )}
    </section>
  )
}

function Content({ ask }: { ask: ApprovalAsk }) {
  const { command, plan, content, old_string: before, new_string: after } = ask.input
  if (ask.kind === 'question') return null
  if (ask.kind === 'plan' && typeof plan === 'string') return <Prose text={plan} class="plan" />
  if (typeof command === 'string') return <Command text={command} />
  if (typeof before === 'string' && typeof after === 'string') return <Replacement before={before} after={after} />
  if (typeof content === 'string' && pathOf(ask) !== null) return <Command text={content} />
  return <Command text={JSON.stringify(ask.input, null, 2)} />
}

function Replacement({ before, after }: { before: string; after: string }) {
  return (
    <div class="diff">
      {before !== '' && <div class="d"><Command text={before} /></div>}
      {after !== '' && <div class="a"><Command text={after} /></div>}
    </div>
  )
}

/** One row on the line, as the calls beside it; what was asked unfolds. */
function Answered({ card }: { card: Asked }) {
  const denied = card.behavior === 'deny'
  const { verb } = toolWords(card.ask.tool)
  const { command } = card.ask.input
  const what = typeof command === 'string' ? command : card.ask.kind === 'permission' ? `${verb} ${pathOf(card.ask) ?? ''}` : card.ask.title
  return (
    <details class={`tool answered ${denied ? 'failed' : ''}`}>
      <summary>
        <Icon name={card.state === 'superseded' ? 'i-undo' : denied ? 'i-x' : 'i-check'} />
        <b>{verdict(card)}</b>
        <span class="obj">{inert(what)}</span>
        <span class="result">{card.state === 'decided' ? 'on its way to the agent' : ''}</span>
      </summary>
      <div class="unfolded"><Content ask={card.ask} /></div>
    </details>
  )
}

function verdict({ state, behavior, by }: Asked): string {
  if (state === 'superseded') return 'Asked again below'
  const word = behavior === 'deny' ? 'Denied' : 'Allowed'
  return by ? `${word} by ${by.who} on ${by.via}` : word
}
