/** The rooms of a workspace: tabs beside the conversation where there is room, one at a time on a phone. */
import type { Workspace } from '@berth/wire'
import { signal } from '@preact/signals'
import { may } from '../state/may.ts'
import { linkTo, pathTo, type Pane } from '../state/session.ts'
import { Lazy, Skeleton } from './lazy.tsx'
import { ROOMS } from './rooms.ts'

/** Two panes from here on. Null: the server cannot know it, so it draws both, and the style shows one. */
export const TWO_PANES = '(min-width: 744px)'
export const wide = signal<boolean | null>(null)
/** Who opens a session on a wide screen sees this room first. */
const FIRST: Pane = 'changes'

const TABS: readonly (readonly [pane: Pane, label: string])[] = [['changes', 'Changes'], ['terminal', 'Terminal'], ['preview', 'Preview'], ['files', 'Files'], ['cost', 'Cost']]

export function Detail({ workspace, pane }: { workspace: Workspace; pane: Pane }) {
  const shown = pane === 'chat' ? FIRST : pane
  const load = ROOMS[shown]
  const label = shown === 'status' ? 'Status' : (TABS.find(([name]) => name === shown)?.[1] ?? shown)
  return (
    <section class="detail" aria-label={label}>
      <nav class="tabs" aria-label="Rooms">
        {TABS.filter(([name]) => name !== 'terminal' || may(workspace)).map(([name, text]) => (
          <a key={name} aria-current={shown === name || (name === 'cost' && shown === 'status') ? 'page' : undefined} {...linkTo(pathTo(workspace.id, name))}>
            {text}
            {name === 'changes' && workspace.changes ? <span class="dim">{workspace.changes.files}</span> : null}
          </a>
        ))}
      </nav>
      <div class="room">
        {pane === 'chat' && !wide.value ? <Skeleton name={label} /> : <Lazy key={shown} load={load} props={{ workspace }} name={label} />}
      </div>
    </section>
  )
}
