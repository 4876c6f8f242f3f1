/** The phone's bar: three views, three actions. What a long press shows is also in the menu at the top. */
import type { Workspace } from '@berth/wire'
import { may } from '../state/may.ts'
import { go, linkTo, pathTo, type Pane } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { canPause, commitActions, pause, pauseActions, terminalActions, wake } from './actions.ts'
import { openMenu, pressed, type Action } from './menu.tsx'

export function BottomBar({ workspace, pane }: { workspace: Workspace; pane: Pane }) {
  const asleep = !canPause(workspace)
  const off = !may(workspace)
  return (
    <nav class="bar" aria-label="Views and actions">
      <View id={workspace.id} of="status" pane={pane} icon="st-idle" label="Status" />
      <View id={workspace.id} of="chat" pane={pane} icon="i-comment" label="Chat" />
      <View id={workspace.id} of="files" pane={pane} icon="i-read" label="Files" />
      <Act label={asleep ? 'Wake' : 'Pause'} icon={asleep ? 'i-moor' : 'st-sleeping'} off={off} short={() => void (asleep ? wake(workspace) : pause(workspace))} long={() => pauseActions(workspace)} />
      <Act label={off ? 'Changes' : 'Commit'} icon="i-check" current={pane === 'changes'} short={() => go(pathTo(workspace.id, 'changes'))} long={() => commitActions(workspace)} />
      <Act label="Terminal" icon="i-run" off={off} current={pane === 'terminal'} short={() => go(pathTo(workspace.id, 'terminal'))} long={() => terminalActions(workspace)} />
    </nav>
  )
}

function View({ id, of, pane, icon, label }: { id: Workspace['id']; of: Pane; pane: Pane; icon: string; label: string }) {
  return <a aria-current={pane === of ? 'page' : undefined} {...linkTo(pathTo(id, of))}><Icon name={icon} />{label}</a>
}

function Act({ label, icon, short, long, current = false, off = false }: { label: string; icon: string; current?: boolean; off?: boolean; short(): void; long(): Action[] }) {
  return <button type="button" disabled={off} aria-haspopup="dialog" aria-current={current ? 'page' : undefined} {...pressed(short, () => openMenu(label, long()))}><Icon name={icon} />{label}</button>
}
