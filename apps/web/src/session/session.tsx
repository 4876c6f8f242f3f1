/** One workspace: what happened, what is asked, what one says; and beside it (or instead, on a phone) its rooms. */
import { useEffect, useLayoutEffect } from 'preact/hooks'
import type { Session as AgentSession, Workspace, WorkspaceId } from '@berth/wire'
import { useInSight } from '../state/in-sight.ts'
import { sayPlace, streamOf, watchStream } from '../state/live.ts'
import { approvals, linkTo, now, offlineSince, pathTo, wanted, workspaceOf, workspaces, type Pane } from '../state/session.ts'
import { asksOf, asSession, chooseSession, sessionShown } from '../state/sessions.ts'
import { useSteady } from '../state/steady.ts'
import type { Stream } from '../state/stream.ts'
import { isWaiting } from '../state/stream-view.ts'
import { Detail } from '../shell/detail.tsx'
import { Lazy, Skeleton } from '../shell/lazy.tsx'
import { decision } from '../shell/parts.ts'
import { lazySheet } from '../shell/sheets.ts'
import { openMenu } from '../shell/menu.tsx'
import { actionsOf } from '../shell/actions.ts'
import { sayTyping } from '../shell/typing.ts'
import { BottomBar } from '../shell/bottom-bar.tsx'
import { Icon } from '../ui/icon.tsx'
import { StateBadge, stateOf } from '../ui/state.tsx'
import { duration, elapsed, money, placeOf, priceNow, shortNumber } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { Composer } from './composer.tsx'
import type { Asked } from './decision.tsx'
import { Plan, StreamPane } from './stream-pane.tsx'

const signIn = async () => (await import('./sign-in.tsx')).SignInCard

export function Session({ id, pane }: { id: WorkspaceId; pane: Pane }) {
  const workspace = useSteady(() => workspaceOf(id), [id], looksSame)
  // Before the list is here nobody knows where its end is, and all there ever was would be read.
  useEffect(() => (workspace ? watchStream(id, pane) : undefined), [id, workspace === undefined])
  useEffect(() => sayPlace(id, pane), [pane])
  useEffect(() => {
    if (workspace) document.title = `${stateOf(workspace).name === 'needs' ? '(!) ' : ''}${workspace.name} · Berth`
    return () => (document.title = 'Berth')
  }, [workspace?.name, workspace && stateOf(workspace).name])
  const shown = sessionShown(workspace)
  useEffect(() => (shown ? streamOf(id).again() : undefined), [shown?.id])
  // A question that a notification led to stands in its own conversation.
  const led = approvals.value.find(({ approvalId, workspaceId }) => approvalId === wanted.value && workspaceId === id)?.sessionId
  useEffect(() => { if (led) chooseSession(id, led) }, [led])
  if (!workspace) return <main class="session">{workspaces.value ? <Gone /> : <Skeleton name="The workspace" />}</main>
  const stream = streamOf(id)
  const here = asSession(workspace, shown)
  return (
    <main class={`session pane-${pane}`} aria-label={workspace.name}>
      <Top workspace={workspace} />
      <Strip workspace={here} stream={stream} />
      <section class="chat" aria-label="Conversation">
        <StreamPane key={shown?.id} workspace={here} stream={stream} />
        <Dock workspace={here} stream={stream} session={shown} />
      </section>
      <Detail workspace={workspace} pane={pane} />
      <BottomBar workspace={workspace} pane={pane} />
    </main>
  )
}

/** What every event moves, and nothing of a session shows. */
const MOVED: Partial<Workspace> = { tail: 0, lastActiveAt: 0, updatedAt: 0 }
const looksSame = (one: Workspace | undefined, other: Workspace | undefined) => one === other || JSON.stringify({ ...one, ...MOVED }) === JSON.stringify({ ...other, ...MOVED })

function Top({ workspace }: { workspace: Workspace }) {
  return (
    <header class="top">
      <a class="icon back" aria-label="All workspaces" {...linkTo('/')}><Icon name="i-back" /></a>
      <div class="grow">
        <h1 title={workspace.name}>{workspace.name}</h1>
        <p class="meta" title={workspace.repository}>{inert(placeOf(workspace.repository))}{workspace.branch ? ` · ${inert(workspace.branch)}` : ''}</p>
      </div>
      <Sessions workspace={workspace} />
      <button type="button" class="icon" aria-label="Actions" aria-haspopup="dialog" onClick={() => openMenu(workspace.name, actionsOf(workspace))}><Icon name="i-more" /></button>
    </header>
  )
}

/** Where there are several: one beside the other, and on a phone the one that is shown, for all of them. */
function Sessions({ workspace }: { workspace: Workspace }) {
  const shown = sessionShown(workspace)
  if (!shown) return null
  const others = (workspace.sessions ?? []).some((session) => session !== shown && asksOf(session) > 0)
  return (
    <div class="sess" role="group" aria-label="Sessions">
      {workspace.sessions?.map((session) => {
        const { icon, tone, word } = stateOf({ ...asSession(workspace, session), changes: null })
        const here = session === shown
        return (
          <button key={session.id} type="button" class={`chip ${tone}`} aria-pressed={here} title={`${session.title}: ${word}`} onClick={() => (here ? lazySheet('sessions', workspace) : chooseSession(workspace.id, session.id))}>
            {here && others && <Icon name="st-needs" class="s-needs" />}<Icon name={icon} /><span class="cut">{inert(session.title)}</span>{here && <Icon name="i-down" />}
          </button>
        )
      })}
    </div>
  )
}

/** The same strip on every session: state, time, money, context, who looks. */
function Strip({ workspace, stream }: { workspace: Workspace; stream: Stream }) {
  const { usage, idle, viewers } = workspace
  const { name } = stateOf(workspace)
  const price = priceNow(workspace, name === 'sleeping')
  const spent = useSteady(() => stream.rested.value.spent.tokens, [stream])
  const tokens = usage ? usage.inputTokens + usage.outputTokens : spent
  return (
    <a class="strip" {...linkTo(pathTo(workspace.id, 'status'))}>
      {offlineSince.value === null ? <StateBadge of={workspace} /> : <span class="state s-offline"><Icon name="st-offline" />Offline</span>}
      <Time workspace={workspace} stream={stream} />
      {price && <span>{price}</span>}
      {typeof usage?.costMicros === 'number' ? <span>{money(usage.costMicros)}</span> : tokens > 0 && <span>{shortNumber(tokens)} tokens</span>}
      {typeof usage?.contextPercent === 'number' && usage.contextPercent >= 1 && <span>{Math.round(usage.contextPercent)} % context</span>}
      {unusual(workspace).map((word) => <span key={word} class="risk">{word}</span>)}
      {name === 'idle' && idle.stopsAt !== null && idle.stopsAt > now.value && <span class="wide">sleeps in {duration(idle.stopsAt - now.value)}</span>}
      <span class="grow" />
      {viewers > 0 && <span class="viewers" title="Who looks"><Icon name="i-screen" />{viewers}<span class="unseen"> looking</span></span>}
    </a>
  )
}

const unusual = ({ isolation, recovery }: Workspace): string[] => [...(isolation === 'none' ? ['not isolated'] : []), ...(recovery ? ['recovery'] : [])]

function Time({ workspace, stream }: { workspace: Workspace; stream: Stream }) {
  const startedAt = useSteady(() => stream.rested.value.turnStartedAt, [stream])
  const since = workspace.work?.since ?? startedAt
  const [asked] = useWaiting(workspace.id, stream)
  if (asked) return <span>{elapsed(now.value - asked.askedAt)}</span>
  return workspace.agentState === 'busy' && since !== null ? <span>{elapsed(now.value - since)}</span> : null
}

/** What waits for a person stands where the thumb is; with none, one speaks here. */
function Dock({ workspace, stream, session }: { workspace: Workspace; stream: Stream; session: AgentSession | null }) {
  const waiting = useWaiting(workspace.id, stream).filter(({ sessionId }) => !session || sessionId === session.id)
  const [first] = waiting
  useInSight(first?.approvalId ?? null)
  const ends = useSteady(() => stream.rested.value.cards.some((card) => card.kind === 'notice' && card.signIn === true), [stream])
  // What was typed into may be gone without a word.
  useLayoutEffect(sayTyping)
  return (
    <div class={`dock ${first ? 'asking' : ''}`} onMouseDown={keepField}>
      {first ? <Lazy key={first.approvalId} load={decision} props={{ ask: first, of: waiting.length > 1 ? `1 of ${waiting.length}` : undefined }} name="The question" /> : <Plan stream={stream} />}
      {(workspace.agentState === 'error' || ends) && workspace.phase === 'running' && <Lazy load={signIn} props={{ workspace, agent: session?.agent ?? workspace.agent }} name="Signing in" />}
      <Composer workspace={workspace} stream={stream} />
    </div>
  )
}

/** With the field's focus the keyboard would go, and everything move from under the finger before the tap is over. */
function keepField(event: MouseEvent): void {
  if (document.activeElement instanceof HTMLTextAreaElement && event.target instanceof Element && event.target.closest('button')) event.preventDefault()
}

function useWaiting(id: WorkspaceId, stream: Stream): readonly Asked[] {
  return useSteady(() => waitingOf(id, stream), [id, stream], (one, other) => one.length === other.length && one.every((asked, index) => asked === other[index] || JSON.stringify(asked) === JSON.stringify(other[index])))
}

/** From the list, which knows the risk, and from the stream, which may be a moment ahead; what the stream saw answered is gone. */
function waitingOf(id: WorkspaceId, stream: Stream): Asked[] {
  const { cards, byKey, waiting } = stream.rested.value
  const listed = approvals.value.filter(({ workspaceId, approvalId }) => {
    const card = cards[byKey.get(`a:${approvalId}`) ?? -1]
    return workspaceId === id && (card === undefined || isWaiting(card))
  })
  const known = new Set(listed.map(({ approvalId }) => approvalId))
  const ahead = waiting.filter(({ ask }) => !known.has(ask.approvalId)).map(({ ask, state, at }): Asked => ({ ...ask, workspaceId: id, state, askedAt: at }))
  const all = [...listed, ...ahead]
  return [...all.filter(({ approvalId }) => approvalId === wanted.value), ...all.filter(({ approvalId }) => approvalId !== wanted.value)]
}

function Gone() {
  return (
    <div class="empty">
      <h1>This workspace does not exist</h1>
      <p>It was deleted, or the address is not complete.</p>
      <a class="btn" {...linkTo('/')}>All workspaces</a>
    </div>
  )
}
