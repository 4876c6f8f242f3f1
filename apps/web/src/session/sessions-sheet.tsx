/** The conversations of a workspace: which there are, what can be done with each, and another one. */
import { useSignal } from '@preact/signals'
import type { AgentKind, Session, Workspace } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { SESSION_LIMIT, SESSION_TITLE_LIMIT } from '@berth/wire/session-rules'
import { closeSheet, Dialog } from '../shell/dialog.tsx'
import { sheet } from '../shell/sheets.ts'
import { sayThenDo } from '../shell/toast.tsx'
import { may } from '../state/may.ts'
import { attempt, client, offlineSince, workspaceOf } from '../state/session.ts'
import { asksOf, asSession, chooseSession, sessionShown } from '../state/sessions.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { StateBadge } from '../ui/state.tsx'
import { adoptStyle } from '../rooms/adopt-style.ts'
import css from '../rooms/rooms.css' with { type: 'text' }

adoptStyle(css)

export function SessionsSheet() {
  const workspace = workspaceOf(sheet.value?.workspace?.id ?? ('' as Workspace['id']))
  const adding = useSignal(false)
  if (!workspace) return null
  const sessions = workspace.sessions ?? []
  const shown = sessionShown(workspace)
  return (
    <Dialog title="Sessions" class="sessions-sheet">
      {sessions.length === 0 && <p class="meta">One conversation so far. Another one works on the same files with an agent of its own.</p>}
      <ul class="sessions-list">{sessions.map((session) => <Row key={session.id} workspace={workspace} session={session} here={session.id === shown?.id} />)}</ul>
      {adding.value || sessions.length === 0 ? <NewSession workspace={workspace} /> : <button type="button" class="btn" disabled={sessions.length >= SESSION_LIMIT || !may(workspace)} onClick={() => (adding.value = true)}><Icon name="i-plus" />New session</button>}
    </Dialog>
  )
}

function Row({ workspace, session, here }: { workspace: Workspace; session: Session; here: boolean }) {
  const { id, title, agent, mode, main, forkedFrom, detail } = session
  const { handsOver, forks } = AGENT_KINDS[agent]
  const off = offlineSince.value !== null || !may(workspace)
  const look = () => {
    chooseSession(workspace.id, id)
    closeSheet()
  }
  const from = workspace.sessions?.find((other) => other.id === forkedFrom)
  return (
    <li>
      <button type="button" class="sessions-open" aria-current={here} onClick={look}>
        <span class="grow"><b>{inert(title)}</b><span class="meta">{[AGENT_KINDS[agent].title === title ? null : AGENT_KINDS[agent].title, mode === 'headless' ? 'without a screen' : null, from ? `forked from ${inert(from.title)}` : null].filter(Boolean).join(' · ')}</span></span>
        <StateBadge of={{ ...asSession(workspace, session), changes: null }} more={asksOf(session) > 1 ? ` (${asksOf(session)})` : ''} />
      </button>
      {detail !== null && session.state === 'error' && <p class={session.wantsLogin ? 'meta' : 'wrong'}>{inert(session.wantsLogin ? 'It waits for somebody to sign it in; its conversation shows how.' : detail)}</p>}
      <div class="sessions-acts">
        {forks && <button type="button" class="btn quiet" disabled={off} onClick={() => void begun(workspace, () => client.forkSession({ id: workspace.id, session: id }))}>Fork</button>}
        {handsOver && <button type="button" class="btn quiet" disabled={off} onClick={() => void attempt(() => client.handOverSession({ id: workspace.id, session: id, to: mode === 'terminal' ? 'headless' : 'terminal' }))}>{mode === 'terminal' ? 'Close its screen' : 'Open its screen'}</button>}
        {!main && <button type="button" class="btn quiet" disabled={off} onClick={() => { closeSheet(); sayThenDo(`${title} is being ended`, () => void attempt(() => client.endSession({ id: workspace.id, session: id }))) }}>End</button>}
      </div>
    </li>
  )
}

/** It is shown as soon as it is there. */
async function begun(workspace: Workspace, work: () => Promise<Session>): Promise<void> {
  const made = await attempt(work)
  if (!made) return
  chooseSession(workspace.id, made.id)
  closeSheet()
}

const AGENTS = Object.keys(AGENT_KINDS) as AgentKind[]

function NewSession({ workspace }: { workspace: Workspace }) {
  const agent = useSignal<AgentKind>(workspace.agent)
  const title = useSignal('')
  const prompt = useSignal('')
  const command = useSignal('')
  const acting = useSignal(false)
  const { needsCommand } = AGENT_KINDS[agent.value]
  const add = async () => {
    if (acting.value) return
    acting.value = true
    await begun(workspace, () => client.addSession({
      id: workspace.id, agent: agent.value, ...(command.value.trim() === '' ? {} : { command: command.value.trim() }),
      ...(title.value.trim() === '' ? {} : { title: title.value.trim() }), ...(prompt.value.trim() === '' ? {} : { prompt: prompt.value.trim() }),
    }))
    acting.value = false
  }
  return (
    <form class="sessions-new" onSubmit={(event) => { event.preventDefault(); void add() }}>
      <label class="field"><span>Agent</span><select value={agent.value} onChange={(event) => (agent.value = AGENTS.find((kind) => kind === event.currentTarget.value) ?? 'claude')}>{AGENTS.map((kind) => <option key={kind} value={kind}>{AGENT_KINDS[kind].title}</option>)}</select></label>
      <label class="field"><span>Title</span><input maxLength={SESSION_TITLE_LIMIT} placeholder="its agent" value={title.value} onInput={(event) => (title.value = event.currentTarget.value)} /></label>
      {needsCommand && <label class="field"><span>Command</span><input class="code-field" autocapitalize="off" autocomplete="off" spellcheck={false} required value={command.value} onInput={(event) => (command.value = event.currentTarget.value)} /></label>}
      <label class="field"><span>Task</span><textarea rows={3} maxLength={200_000} placeholder="optional; you can say it later" value={prompt.value} onInput={(event) => (prompt.value = event.currentTarget.value)} /></label>
      {acting.value && <p class="meta" role="status">It begins; an agent that is not here yet is fetched first.</p>}
      <button type="submit" class="btn main" disabled={acting.value || offlineSince.value !== null}>{acting.value ? 'Starting' : 'Begin'}</button>
    </form>
  )
}
