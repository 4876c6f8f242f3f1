/** One layout, folded: a phone shows one pane, a tablet two, a desktop three. Drawn by the server first, then by the browser. */
import type { ComponentProps, ComponentType } from 'preact'
import { Stale } from './shell/stale.tsx'
import { Session } from './session/session.tsx'
import { wide } from './shell/detail.tsx'
import { Lazy } from './shell/lazy.tsx'
import { home, inbox, tiles } from './shell/parts.ts'
import { MenuSheet } from './shell/menu.tsx'
import { sheet, type SheetName } from './shell/sheets.ts'
import { Toasts } from './shell/toast.tsx'
import { go, linkTo, route, signedOut, trouble } from './state/session.ts'
import { inert } from './ui/inert.ts'

export function App() {
  if (signedOut.value) return <SignedOut />
  const at = route.value
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <div class="notices"><Stale /><Trouble /></div>
      <div class={`panes at-${at.at}`} id="main" tabIndex={-1}>
        {at.at === 'nowhere' ? <Nowhere /> : (
          <>
            {/* One element whatever is in it: the browser takes over what the server drew by its place. */}
            <nav class="beside" aria-label="Workspaces">{(at.at === 'list' ? wide.value : wide.value !== false) && <List beside current={at.at === 'workspace' ? at.id : null} />}</nav>
            <Place />
          </>
        )}
      </div>
      <Toasts />
      <MenuSheet />
      <Sheets />
    </>
  )
}

/** A phone that opens one workspace shows no list, so it comes with the page only where it is seen. */
function List(props: ComponentProps<Awaited<ReturnType<typeof inbox>>>) {
  return <Lazy load={inbox} props={props} name="The list" />
}

const settings = async () => (await import('./settings/settings-page.tsx')).SettingsPage
const repositories = async () => (await import('./repositories/repositories-page.tsx')).RepositoriesPage
const newWorkspace = async () => (await import('./new/new-workspace.tsx')).NewWorkspaceSheet

function Place() {
  const at = route.value
  switch (at.at) {
    case 'workspace': return <Session key={at.id} id={at.id} pane={at.pane} />
    case 'settings': return <Lazy load={settings} props={{}} name="The settings" />
    case 'repositories': return <Lazy load={repositories} props={{}} name="The repositories" />
    case 'new': return <><Lazy load={home} props={{}} name="The list" /><Lazy load={newWorkspace} props={{ onClose: leaveNew }} name="The form" /></>
    case 'grid': return <Lazy load={tiles} props={{}} name="The tiles" />
    case 'list': case 'nowhere': return <Lazy load={home} props={{}} name="The list" />
  }
}

/** The form closes before it goes to what it made; only leaving it goes home. */
function leaveNew(): void {
  if (route.value.at === 'new') go('/')
}

const SHEETS: Record<SheetName, () => Promise<ComponentType>> = {
  palette: async () => (await import('./shell/palette.tsx')).Palette,
  keys: async () => (await import('./shell/small-sheets.tsx')).KeysSheet,
  qr: async () => (await import('./shell/qr-sheet.tsx')).QrSheet,
  connect: async () => (await import('./shell/small-sheets.tsx')).ConnectSheet,
  sessions: async () => (await import('./session/sessions-sheet.tsx')).SessionsSheet,
  delete: async () => (await import('./shell/small-sheets.tsx')).DeleteSheet,
}

function Sheets() {
  const shown = sheet.value
  return shown ? <Lazy key={shown.name} load={SHEETS[shown.name]} props={{}} name="The dialog" /> : null
}

function Trouble() {
  if (!trouble.value) return null
  return (
    <p class="trouble" role="alert">
      <span class="grow"><b>{inert(trouble.value.message)}</b> {inert(trouble.value.hint ?? '')}</span>
      <button type="button" class="btn quiet" onClick={() => (trouble.value = null)}>Dismiss</button>
    </p>
  )
}

function Nowhere() {
  return (
    <main class="empty">
      <h1>There is nothing at this address</h1>
      <a class="btn" {...linkTo('/')}>All workspaces</a>
    </main>
  )
}

/** The session ended while the page was open. A fresh load gets the same words from the server. */
function SignedOut() {
  return (
    <main class="empty">
      <svg class="mark big" aria-hidden="true"><use href="#mark" /></svg>
      <h1>This browser is not signed in</h1>
      <p>On the machine that runs the server:</p>
      <pre class="cmd" tabIndex={0}>berth web</pre>
      <p class="meta">It opens a link that signs one browser in, once.</p>
    </main>
  )
}
