/** State, name, place and one number, in that order. */
import type { Workspace } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { approvals, linkTo, now, offlineSince, pathTo } from '../state/session.ts'
import { askLine } from '../session/decision.tsx'
import { canPause, pause, wake } from '../shell/actions.ts'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { stateOf, type StateName } from '../ui/state.tsx'
import { ago, duration, elapsed, placeOf, plural, priceNow } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'

export function Row({ workspace, current }: { workspace: Workspace; current: boolean }) {
  const { icon, tone, name } = stateOf(workspace)
  return (
    <div class="item-row">
      <a class="item" aria-current={current ? 'page' : undefined} data-workspace={workspace.id} {...linkTo(pathTo(workspace.id))}>
        <Icon name={icon} class={tone} />
        <h3 title={workspace.name}>{workspace.name}</h3>
        <span class="side"><Side workspace={workspace} /></span>
        <p class={name === 'failed' ? 'cause' : ''}><Second workspace={workspace} /></p>
        {workspace.changes && (name === 'working' || name === 'ready') && <Delta added={workspace.changes.added} removed={workspace.changes.removed} />}
      </a>
      <Twin workspace={workspace} />
    </div>
  )
}

/** What a swipe does, for who does not swipe. */
function Twin({ workspace }: { workspace: Workspace }) {
  const { name } = stateOf(workspace)
  const off = offlineSince.value !== null
  if (canPause(workspace)) return <button type="button" class="icon twin" aria-label={`Pause ${workspace.name}`} disabled={off} onClick={() => void pause(workspace)}><Icon name="st-sleeping" /></button>
  if (name === 'sleeping' || name === 'failed') return <button type="button" class="icon twin" aria-label={`${name === 'failed' ? 'Try again' : 'Wake'} ${workspace.name}`} disabled={off} onClick={() => void wake(workspace)}><Icon name="i-moor" /></button>
  return null
}

function Side({ workspace }: { workspace: Workspace }) {
  const { name } = stateOf(workspace)
  if (name === 'working' && workspace.work) return <>{elapsed(now.value - workspace.work.since)}</>
  if (name === 'starting' && workspace.startedAt !== null && workspace.startedAt > workspace.wish.at) return <>{elapsed(now.value - workspace.startedAt)}</>
  const asked = approvals.value.find(({ workspaceId }) => workspaceId === workspace.id)
  return <>{ago(asked?.askedAt ?? workspace.lastActiveAt, now.value)}</>
}

function Second({ workspace }: { workspace: Workspace }) {
  const { name, word, tone } = stateOf(workspace)
  const place = ` · ${inert(placeOf(workspace.repository))}`
  if (name === 'needs') {
    const asked = approvals.value.find(({ workspaceId }) => workspaceId === workspace.id)
    return <>{asked ? inert(askLine(asked)) : <><b class={tone}>{word}</b>{workspace.wantsLogin && `, ${AGENT_KINDS[workspace.agent].title} waits for it`}{place}</>}</>
  }
  if (name === 'failed') return <><b class={tone}>{word}</b>{workspace.error ? `, ${inert(workspace.error.message)}` : ''}</>
  if (name === 'working' && workspace.report) return <><b>{inert(workspace.report.text)}</b>{place}</>
  if (name === 'working' && workspace.work) return <><b>{workspace.work.verb} {inert(workspace.work.object)}</b>{place}</>
  if (name === 'ready' && workspace.changes) return <><b>{plural(workspace.changes.files, 'file')}</b>{place}</>
  return <><b class={tone}>{word}</b>{workspace.recovery && <b class="s-failed">, recovery</b>}{more(workspace, name)}{place}</>
}

function more(workspace: Workspace, name: StateName): string {
  const { steps, idle: { stopsAt } } = workspace
  const price = priceNow(workspace, name === 'sleeping')
  if (name === 'sleeping' || name === 'idle') return `${price && `, ${price}`}${name === 'idle' && stopsAt !== null && stopsAt > now.value ? `, sleeps in ${duration(stopsAt - now.value)}` : ''}`
  const step = name === 'starting' ? steps.findIndex(({ state }) => state === 'started') : -1
  return step < 0 ? '' : `, ${inert((steps[step]?.title ?? '').toLowerCase())}, step ${step + 1} of ${steps.length}`
}
