/** Many workspaces at once: the state and the last lines of each, live. */
import './late-style.ts'
import { useEffect } from 'preact/hooks'
import type { Workspace } from '@berth/wire'
import { ordered } from '../inbox/order.ts'
import { streamOf, watchStream } from '../state/live.ts'
import { linkTo, pathTo, workspaces } from '../state/session.ts'
import { Delta } from '../ui/delta.tsx'
import { StateBadge, stateOf } from '../ui/state.tsx'
import { placeOf } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { tileLines } from './tile-lines.ts'

/** Half of what one page may watch at once (`WATCH_LIMIT` of the wire): the rest is in the inbox. */
const TILES = 12
const TILE_EVENTS = 40

export function Grid() {
  const all = ordered(workspaces.value ?? [])
  if (all.length === 0) return <div class="empty"><p>No workspace yet.</p></div>
  return (
    <section class="grid" aria-label="Live tiles">
      {all.slice(0, TILES).map((workspace) => <Tile key={workspace.id} workspace={workspace} />)}
      {all.length > TILES && <a class="tile meta" {...linkTo('/')}>{all.length - TILES} more are in the inbox</a>}
    </section>
  )
}

function Tile({ workspace }: { workspace: Workspace }) {
  const stream = streamOf(workspace.id)
  useEffect(() => {
    // A tile shows the end; what came before is not worth its bytes.
    return watchStream(workspace.id, 'grid', TILE_EVENTS)
  }, [workspace.id])
  const { cards } = stream.view.value
  const lines = tileLines(cards, [...stream.writing.value.values()].map(({ text }) => text))
  const { name } = stateOf(workspace)
  return (
    <a class={`tile ${name}`} {...linkTo(pathTo(workspace.id))}>
      <header><h3 class="grow cut">{workspace.name}</h3><StateBadge of={workspace} /></header>
      <div class="tile-lines">{lines.map((line, index) => <p key={index} class="cut">{line}</p>)}</div>
      <footer class="meta"><span class="grow cut">{inert(placeOf(workspace.repository))}</span>{workspace.changes && <Delta added={workspace.changes.added} removed={workspace.changes.removed} />}</footer>
    </a>
  )
}
