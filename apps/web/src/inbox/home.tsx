/** Where no workspace is open: the list, or the tiles. */
import { wide } from '../shell/detail.tsx'
import { Lazy } from '../shell/lazy.tsx'
import { linkTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { Inbox } from './inbox.tsx'

export { Inbox } from './inbox.tsx'

const grid = async () => (await import('../shell/grid.tsx')).Grid

export function Home() {
  return (
    <main class="alone" aria-label="Inbox">
      <div class="home-scroll">
        <Inbox />
        {wide.value && <Lazy load={grid} props={{}} name="The tiles" />}
      </div>
      <nav class="home-bar" aria-label="More">
        <a class="btn main" {...linkTo('/new')}><Icon name="i-plus" />New<span class="unseen"> workspace</span></a>
        <a class="btn" {...linkTo('/grid')}>Tiles</a>
        <a class="btn" {...linkTo('/settings')}>Settings</a>
      </nav>
    </main>
  )
}

export function Tiles() {
  return (
    <main class="alone tiles" aria-label="Tiles">
      <header class="room-head"><a class="icon back" aria-label="All workspaces" {...linkTo('/')}><Icon name="i-back" /></a><h1>Tiles</h1></header>
      <Lazy load={grid} props={{}} name="The tiles" />
    </main>
  )
}
