/** Who needs me comes first, the decision inside the card; then what works, what is ready, what rests. */
import type { Workspace, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { useInSight } from '../state/in-sight.ts'
import { approvals, go, linkTo, now, offlineSince, pathTo, workspaces } from '../state/session.ts'
import { DecisionCard } from '../session/decision.tsx'
import { canPause, pause, wake } from '../shell/actions.ts'
import { lazySheet } from '../shell/sheets.ts'
import { Icon } from '../ui/icon.tsx'
import { stateOf } from '../ui/state.tsx'
import { ago, money, placeOf } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { GROUPS, ordered } from './order.ts'
import { Row } from './row.tsx'
import { Swipe } from './swipe.tsx'

/** `current`: shown beside that workspace, where a row is enough. */
export function Inbox({ current = null, beside = false }: { current?: WorkspaceId | null; beside?: boolean }) {
  const list = workspaces.value
  if (!list && offlineSince.value !== null) return <NothingKept />
  if (!list) return <div class="skeleton" role="status" aria-label="The list is being loaded"><i /><i /><i /></div>
  if (list.length === 0 && !beside) return <Empty />
  const calling = ordered(list.filter((workspace) => stateOf(workspace).name === 'needs'))
  return (
    <div class="list">
      <Head beside={beside} list={list} />
      <div class="rows">
        {calling.length > 0 && (
          <section aria-label="Needs you">
            <h2 class="group call">{beside ? 'Needs you' : calling.length === 1 ? '1 needs you' : `${calling.length} need you`}{beside && <span>{calling.length}</span>}</h2>
            {beside ? calling.map((workspace) => <Row key={workspace.id} workspace={workspace} current={current === workspace.id} />) : calling.map((workspace, index) => <Calling key={workspace.id} workspace={workspace} top={index === 0} />)}
          </section>
        )}
        {GROUPS.map(([title, states]) => {
          const items = ordered(list.filter((workspace) => states.includes(stateOf(workspace).name)))
          return items.length === 0 ? null : (
            <section key={title} aria-label={title} class="group-rows">
              <h2 class="group">{title}<span>{items.length}</span></h2>
              {items.map((workspace) => <SwipeRow key={workspace.id} workspace={workspace} current={current === workspace.id} beside={beside} />)}
            </section>
          )
        })}
      </div>
      {beside && <Foot list={list} />}
    </div>
  )
}

function Head({ beside, list }: { beside: boolean; list: readonly Workspace[] }) {
  const spent = list.reduce((sum, { usage }) => sum + (usage?.costMicros ?? 0), 0)
  return (
    <header class="brand">
      {beside ? <a class="home" aria-label="Berth, all workspaces" {...linkTo('/')}><svg class="mark" aria-hidden="true"><use href="#mark" /></svg><svg class="word" aria-hidden="true"><use href="#word" /></svg></a> : <><svg class="mark" aria-hidden="true"><use href="#mark" /></svg><h1>Inbox</h1></>}
      <span class="grow" />
      {!beside && spent > 0 && <span class="meta">{money(spent)} so far</span>}
      <button type="button" class="icon" aria-label="Search and commands" onClick={() => lazySheet('palette')}><Icon name="i-search" /></button>
      {beside && <a class="icon" aria-label="New workspace" {...linkTo('/new')}><Icon name="i-plus" /></a>}
    </header>
  )
}

function Foot({ list }: { list: readonly Workspace[] }) {
  const awake = list.filter(canPause).length
  return (
    <footer class="foot meta">
      <span class="grow">{awake} awake</span>
      <a {...linkTo('/grid')}>Tiles</a>
      <a {...linkTo('/settings')}>Settings</a>
    </footer>
  )
}

/** Several questions of one workspace are a stack: one is on top. */
function Calling({ workspace, top }: { workspace: Workspace; top: boolean }) {
  const asked = approvals.value.filter((approval) => approval.workspaceId === workspace.id)
  const [first] = asked
  useInSight(top ? (first?.approvalId ?? null) : null)
  if (!first) return workspace.wantsLogin ? <WaitsForLogin workspace={workspace} /> : <Row workspace={workspace} current={false} />
  return <DecisionCard key={first.approvalId} ask={first} place={workspace} of={asked.length > 1 ? `1 of ${asked.length}` : undefined} />
}

/** A question to its person as well: the answer is given on its page. */
function WaitsForLogin({ workspace: { id, name, agent, repository, lastActiveAt } }: { workspace: Workspace }) {
  const title = `${AGENT_KINDS[agent].title} is not signed in`
  return (
    <section class="ask" aria-label={`Needs you: ${title}`}>
      <div class="in"><a class="head" {...linkTo(pathTo(id))}><Icon name="st-needs" /><h3>{title}</h3><span class="meta">{ago(lastActiveAt, now.value)}</span><p class="meta"><b>{name}</b> · {inert(placeOf(repository))}</p></a></div>
      <div class="acts"><button type="button" onClick={() => go(pathTo(id, 'terminal'))}>At its own screen</button><button type="button" class="allow" onClick={() => go(pathTo(id))}>Sign in</button></div>
    </section>
  )
}

function SwipeRow({ workspace, current, beside }: { workspace: Workspace; current: boolean; beside: boolean }) {
  const row = <Row workspace={workspace} current={current} />
  if (beside) return row
  const { name } = stateOf(workspace)
  const right = name === 'ready' ? { label: 'Review', run: () => go(pathTo(workspace.id, 'changes')) } : name === 'sleeping' ? { label: 'Wake', run: () => void wake(workspace) } : { label: 'Open', run: () => go(pathTo(workspace.id)) }
  return <Swipe off={offlineSince.value !== null} right={right} left={canPause(workspace) ? { label: 'Pause', run: () => void pause(workspace) } : null}>{row}</Swipe>
}

function NothingKept() {
  return (
    <div class="empty">
      <Icon name="st-offline" class="s-offline" />
      <h1>Nothing is kept on this device</h1>
      <p class="meta">What you open while the server is heard can be read here without it.</p>
    </div>
  )
}

function Empty() {
  return (
    <div class="empty">
      <svg class="mark big" aria-hidden="true"><use href="#mark" /></svg>
      <h1>No workspace yet</h1>
      <p>In a repository, run:</p>
      <pre class="cmd" tabIndex={0}>berth up . --prompt "fix the failing test"</pre>
      <p class="meta">It appears here by itself.</p>
      <a class="btn main" {...linkTo('/new')}>New workspace</a>
    </div>
  )
}
