/** A question that blocks an agent: what is asked, what to notice, and the answer, deny before allow. */
import type { ComponentChildren } from 'preact'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Approval, Decision } from '@berth/wire'
import { PUSH_TOOL } from '@berth/wire/approval-rules'
import { decide, type Answer } from '../state/decide.ts'
import { fresh } from '../state/live.ts'
import { may } from '../state/may.ts'
import { holdTaps, takesTaps } from '../state/taps.ts'
import { linkTo, now, offlineSince, pathTo, workspaceOf } from '../state/session.ts'
import { canPause, pause } from '../shell/actions.ts'
import { sayThenDo } from '../shell/toast.tsx'
import { Swipe } from '../inbox/swipe.tsx'
import { Icon } from '../ui/icon.tsx'
import { ago, placeOf } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { questionOf } from '../ui/tool-words.ts'
import { AskContent } from './ask-content.tsx'
import { Hold } from './hold.tsx'
import { QuestionForm } from './question-form.tsx'

/** `risk` comes with the list, so a card of the stream may be without for a moment. */
export type Asked = Pick<Approval, 'approvalId' | 'workspaceId' | 'sessionId' | 'kind' | 'tool' | 'title' | 'input' | 'cwd' | 'state' | 'askedAt' | 'risk'>
type Mode = 'ask' | 'edit' | 'reason'

interface Props { readonly ask: Asked; /** Where it belongs, when it stands outside of its workspace. */ readonly place?: { readonly name: string; readonly repository: string }; /** "1 of 3" of a stack. */ readonly of?: string | undefined }

export function DecisionCard({ ask, place, of }: Props) {
  const mode = useSignal<Mode>('ask')
  const sending = useSignal<Answer | null>(null)
  const stale = offlineSince.value !== null || !fresh.value || !may(workspaceOf(ask.workspaceId))
  // Whatever comes in its place is not answered by the same tap.
  useEffect(() => holdTaps, [])
  const question = questionOf(ask)
  const answer = async (decision: Decision) => {
    if (sending.value || stale) return
    sending.value = decision.behavior
    const said = await decide(ask.approvalId, decision)
    if (!said) sending.value = null
  }
  return (
    <SwipeAsk ask={ask} off={stale || mode.value !== 'ask' || !takesTaps.value} allow={() => void answer({ behavior: 'allow', scope: 'once' })}><section class={`ask ${ask.risk?.level ?? ''}`} aria-label={`Needs you: ${question}`} data-approval={ask.approvalId}>
      <div class="in">
        <Head question={question} ask={ask} of={of} {...(place ? { place } : {})} />
        {mode.value === 'edit' ? null : <AskContent ask={ask} {...(ask.risk?.marks ? { marks: ask.risk.marks } : {})} />}
        <Risk of={ask.risk} />
        <Why ask={ask} />
        <Asleep ask={ask} />
        <NotNow ask={ask} />
      </div>
      <Answers ask={ask} off={stale || sending.value !== null || !takesTaps.value} sending={sending.value} answer={answer} at={mode.value} mode={(next) => (mode.value = next)} pause={place ? <PauseTwin ask={ask} /> : null} />
    </section></SwipeAsk>
  )
}

/** Why nobody here can answer it now. */
function NotNow({ ask: { workspaceId } }: { ask: Asked }) {
  if (!may(workspaceOf(workspaceId))) return <p class="stale">You may look at this workspace. Whoever may act in it answers.</p>
  return offlineSince.value === null ? null : <p class="stale">No connection: this may have been answered already. You can answer when the server is heard again.</p>
}

/** Right says yes, left puts the workspace to sleep. A swipe is quick, so a yes waits for five seconds before it is said; what cannot be undone is not swiped. */
function SwipeAsk({ ask, off, allow, children }: { ask: Asked; off: boolean; allow(): void; children: ComponentChildren }) {
  const workspace = workspaceOf(ask.workspaceId)
  const right = ask.kind === 'permission' && ask.risk?.level !== 'high' ? { label: 'Allow once', run: () => sayThenDo(`Allowing: ${askLine(ask)}`, allow) } : null
  const left = workspace && canPause(workspace) ? { label: 'Pause', run: () => void pause(workspace) } : null
  return <Swipe off={off} right={right} left={left}>{children}</Swipe>
}

/** In a list the bar with its Pause is not there. */
function PauseTwin({ ask }: { ask: Asked }) {
  const workspace = workspaceOf(ask.workspaceId)
  if (!workspace || !canPause(workspace)) return null
  return <button type="button" class="pause" aria-label={`Pause ${workspace.name}`} onClick={() => void pause(workspace)}><Icon name="st-sleeping" /></button>
}

function Answers({ at, ...props }: ButtonsProps & { at: Mode }) {
  const back = () => props.mode('ask')
  if (at === 'edit') return <EditForm {...props} close={back} />
  if (at === 'reason') return <ReasonForm {...props} close={back} />
  return props.ask.kind === 'question' ? <QuestionForm {...props} /> : <Buttons {...props} />
}

function Head({ question, ask, place, of }: { question: string; ask: Asked; place?: Props['place']; of: string | undefined }) {
  const body = (
    <>
      <Icon name="st-needs" />
      <h3>{inert(question)}</h3>
      <span class="meta">{of ?? ago(ask.askedAt, now.value)}</span>
      {place ? <p class="meta"><b>{place.name}</b> · {inert(placeOf(place.repository))}</p> : ask.cwd && ask.kind === 'permission' && <p class="meta">in <code>{inert(ask.cwd)}</code></p>}
    </>
  )
  return place ? <a class="head" {...linkTo(pathTo(ask.workspaceId))}>{body}</a> : <header class="head">{body}</header>
}

/** An answer wakes what went to sleep by itself; what a person put to sleep stays so. */
function Asleep({ ask: { workspaceId, state } }: { ask: Asked }) {
  const phase = workspaceOf(workspaceId)?.phase
  if (phase === 'stopped') return <p class="meta">It was put to sleep while it waited. Your answer is kept until somebody wakes it.</p>
  return state === 'orphaned' ? <p class="meta">The agent stopped while it waited. Your answer wakes it.</p> : null
}

function Risk({ of }: { of: Asked['risk'] }) {
  if (!of?.text) return null
  return <p class={`risk ${of.level}`}>{inert(of.text)}</p>
}

/** The agent's own words for it. */
function Why({ ask: { kind, input } }: { ask: Asked }) {
  const { description } = input
  if (kind !== 'permission' || typeof input['command'] !== 'string' || typeof description !== 'string' || description === '') return null
  return <p class="why">Why <q>{inert(description)}</q></p>
}

interface ButtonsProps { readonly ask: Asked; readonly off: boolean; readonly sending: Answer | null; answer(decision: Decision): Promise<void>; mode(next: Mode): void; readonly pause: ComponentChildren }

function Buttons({ ask, off, sending, answer, mode, pause: twin }: ButtonsProps) {
  const plan = ask.kind === 'plan'
  const allow = () => void answer({ behavior: 'allow', scope: 'once' })
  const { command } = ask.input
  // A middle that was left out would be lost.
  const editable = typeof command === 'string' && !/… \d+ characters left out …/.test(command)
  return (
    <>
      <div class="acts">
        <button type="button" class="deny" disabled={off} onClick={() => void answer({ behavior: 'deny', scope: 'once' })}>{sending === 'deny' ? 'Denying' : plan ? 'Keep planning' : 'Deny'}</button>
        {ask.risk?.level === 'high'
          ? <Hold class="allow" disabled={off} label={sending === 'allow' ? 'Allowing' : 'Hold to allow once'} again="Press again to allow once" onHeld={allow} />
          : <button type="button" class="allow" disabled={off} onClick={allow}>{sending === 'allow' ? 'Allowing' : plan ? 'Go ahead' : 'Allow once'}</button>}
      </div>
      <div class="more-acts">
        {editable && <button type="button" disabled={off} onClick={() => mode('edit')}>Edit</button>}
        <button type="button" disabled={off} onClick={() => mode('reason')}>{plan ? 'Say what to change' : 'Deny with a reason'}</button>
        {!plan && ask.tool !== PUSH_TOOL && ask.risk?.level !== 'high' && <button type="button" disabled={off} onClick={() => void answer({ behavior: 'allow', scope: 'session' })}>For this session</button>}
        {twin}
      </div>
    </>
  )
}

interface FormProps { readonly off: boolean; answer(decision: Decision): Promise<void>; close(): void }

function useFirstFocus() {
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => field.current?.focus(), [])
  return field
}

function leaveOnEscape(close: () => void) {
  return (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    close()
  }
}

function EditForm({ ask, off, answer, close }: FormProps & { ask: Asked }) {
  const text = useSignal(String(ask.input['command'] ?? ''))
  const field = useFirstFocus()
  const send = () => void answer({ behavior: 'allow', scope: 'once', updatedInput: { ...ask.input, command: text.value } })
  return (
    <form class="ask-form" onSubmit={(event) => { event.preventDefault(); send() }} onKeyDown={leaveOnEscape(close)}>
      <textarea ref={field} class="code" rows={3} aria-label="The command to run instead" spellcheck={false} autocapitalize="off" value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      <div class="acts">
        <button type="button" onClick={close}>Back</button>
        <button type="submit" class="allow" disabled={off || text.value.trim() === ''}>Run this instead</button>
      </div>
    </form>
  )
}

function ReasonForm({ off, answer, close }: FormProps) {
  const text = useSignal('')
  const field = useFirstFocus()
  return (
    <form class="ask-form" onSubmit={(event) => { event.preventDefault(); void answer({ behavior: 'deny', scope: 'once', message: text.value.trim() }) }} onKeyDown={leaveOnEscape(close)}>
      <textarea ref={field} rows={2} aria-label="Why not; the agent reads it" placeholder="Why not; the agent reads it" maxLength={4000} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      <div class="acts">
        <button type="button" onClick={close}>Back</button>
        <button type="submit" class="deny" disabled={off || text.value.trim() === ''}>Deny</button>
      </div>
    </form>
  )
}

/** The sentence for lists: what is asked, in one line. */
export function askLine(ask: Asked): string {
  const { command } = ask.input
  if (ask.kind === 'permission' && typeof command === 'string') return `Run ${command.split('\n')[0] ?? ''}`
  return questionOf(ask)
}
