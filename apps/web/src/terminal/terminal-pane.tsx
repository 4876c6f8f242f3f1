/**
 * The shared terminal. A phone first shows the screen as text, at no cost to anybody; who types loads xterm and takes
 * over the size the others see, so that nobody's pane changes unless somebody asks for it.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useSignal, type Signal } from '@preact/signals'
import type { Session, Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { wake } from '../shell/actions.ts'
import { may } from '../state/may.ts'
import { attempt, client, offlineSince } from '../state/session.ts'
import { sessionShown } from '../state/sessions.ts'
import { Icon } from '../ui/icon.tsx'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Keys } from './keys.tsx'
import { LineSheet } from './line-sheet.tsx'
import { Snapshot } from './snapshot.tsx'
import type { Size } from './attach.ts'
import type { OpenTerminal, TerminalState } from './xterm.ts'
import css from './terminal.css' with { type: 'text' }

adoptStyle(css)

/** The terminal the agent runs in, where nobody says another. */
const AGENT_TERMINAL = 'agent'
/** A screen is read again this often while somebody looks at it. */
const LOOK_MS = 2000

interface Screen extends Size { readonly ansi: string }

export function AgentTerminal({ workspace }: { workspace: Workspace }) {
  const session = sessionShown(workspace) ?? workspace.sessions?.[0]
  if (session && session.terminalId === null) return <WithoutScreen workspace={workspace} session={session} />
  const terminalId = session?.terminalId ?? AGENT_TERMINAL
  return <TerminalPane key={terminalId} workspace={workspace} terminalId={terminalId} />
}

function WithoutScreen({ workspace, session }: { workspace: Workspace; session: Session }) {
  const open = () => void attempt(() => client.handOverSession({ id: workspace.id, session: session.id, to: 'terminal' }))
  return (
    <div class="terminal-room">
      <div class="empty">
        <h1>{session.title} works without a screen</h1>
        <p>The conversation goes on with one; a turn that is under way is finished first.</p>
        <button type="button" class="btn main" disabled={offlineSince.value !== null} onClick={open}>Open its screen</button>
      </div>
    </div>
  )
}

/** A pointer and room: whoever opens the pane came to type. */
const atDesk = () => matchMedia('(pointer: fine) and (min-width: 700px)').matches

function TerminalPane({ workspace, terminalId }: { workspace: Workspace; terminalId: string }) {
  const live = useSignal(atDesk())
  const screen = useSignal<Screen | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const viewers = useSignal(0)
  const line = useSignal(false)
  const can = may(workspace) && workspaceCan('attach', workspace.phase)
  useScreen({ workspace, terminalId, can, screen, refusal, viewers, onOlder: () => (live.value = true) })
  if (!can) return <Closed workspace={workspace} screen={screen} />
  return (
    <div class="terminal-room">
      {live.value ? <Live workspace={workspace} terminalId={terminalId} screen={screen} viewers={viewers.value} /> : (
        <>
          {screen.value ? <Snapshot screen={screen.value} /> : <div class="term-screen" role="status" aria-label="Reading the screen" />}
          <Strip size={screen.value} viewers={viewers.value} words={offlineSince.value === null ? 'as it is now' : 'not new'} />
          <RefusalLine refusal={refusal.value} />
          <div class="term-dock">
            <button type="button" class="btn" disabled={screen.value === null} onClick={() => (line.value = true)}>Send one line …</button>
            <button type="button" class="btn main" onClick={() => (live.value = true)}>Type</button>
          </div>
        </>
      )}
      {line.value && screen.value && <LineSheet which={{ workspaceId: workspace.id, terminalId }} size={screen.value} onClose={() => (line.value = false)} />}
    </div>
  )
}

interface Looking { workspace: Workspace; terminalId: string; can: boolean; screen: Signal<Screen | null>; refusal: Signal<Refusal | null>; viewers: Signal<number>; onOlder: () => void }

/** The screen and its size, while somebody looks. A daemon that cannot say it is typed into at once. */
function useScreen({ workspace, terminalId, can, screen, refusal, viewers, onOlder }: Looking): void {
  useEffect(() => {
    if (!can) return
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async () => {
      try {
        if (!document.hidden) {
          const next = await client.terminalSnapshot({ id: workspace.id, terminalId }, stop.signal)
          if (next.ansi !== screen.value?.ansi || next.cols !== screen.value.cols || next.rows !== screen.value.rows) screen.value = next
          const known = await client.listTerminals({ id: workspace.id }, stop.signal)
          viewers.value = known.find((terminal) => terminal.terminalId === terminalId)?.viewers ?? 0
        }
        refusal.value = null
      } catch (error) {
        if (stop.signal.aborted) return
        refusal.value = refusalOf(error)
        // Typing works with every daemon.
        if (OLDER.includes(refusal.value.code)) return onOlder()
      }
      timer = setTimeout(() => void look(), LOOK_MS)
    }
    void look()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [workspace.id, terminalId, can])
}
const OLDER: readonly string[] = ['unsupported', 'daemon_incompatible', 'internal']

const STATE_WORDS: Record<TerminalState, string> = { connecting: 'Connecting', open: '', closed: 'Disconnected, trying again', exited: 'The program ended' }

function Live({ workspace, terminalId, screen, viewers }: { workspace: Workspace; terminalId: string; screen: Signal<Screen | null>; viewers: number }) {
  const box = useRef<HTMLDivElement>(null)
  const terminal = useRef<OpenTerminal | null>(null)
  const state = useSignal<TerminalState>('connecting')
  const size = useSignal<Size | null>(null)
  const fits = useSignal(atDesk())
  const control = useSignal(false)
  useEffect(() => {
    const element = box.current
    if (!element) return
    let gone = false
    void import('./xterm.ts').then(({ openTerminal }) => {
      if (gone) return
      const { cols, rows } = screen.value ?? { cols: 0, rows: 0 }
      if (cols === 0) fits.value = true
      terminal.current = openTerminal(element, {
        workspaceId: workspace.id, terminalId, size: fits.value ? null : { cols, rows },
        onState: (next) => (state.value = next), onSize: (next) => (size.value = next),
        control: () => {
          const held = control.value
          control.value = false
          return held
        },
      })
      if (!fits.value) terminal.current.focus()
    }, () => (state.value = 'closed'))
    return () => {
      gone = true
      terminal.current?.close()
      terminal.current = null
    }
  }, [workspace.id, terminalId])
  // The others' size is followed until somebody here asks for this screen's own.
  useEffect(() => screen.subscribe((next) => {
    if (next && !fits.value) terminal.current?.follow(next)
  }), [])
  const fit = () => {
    fits.value = true
    terminal.current?.fit()
  }
  return (
    <>
      <div class="terminal">
        <div class={`screen ${fits.value ? '' : 'wide'}`} ref={box} />
        <p class="over" role="status" hidden={state.value === 'open'}>{STATE_WORDS[state.value]}</p>
      </div>
      <Strip size={size.value} viewers={viewers} words={fits.value ? 'sized by you' : 'sized by the others'}>
        {/* The terminal keeps the focus: without it the page's bar comes back, and the button is elsewhere before the finger is up. */}
        {!fits.value && <button type="button" class="btn quiet" onPointerDown={(event) => event.preventDefault()} onClick={fit}>Fit to this screen</button>}
      </Strip>
      <Keys control={control} press={(keys) => terminal.current?.type(keys)} />
    </>
  )
}

function Strip({ size, viewers, words, children }: { size: Size | null; viewers: number; words: string; children?: ComponentChildren }) {
  return (
    <div class="term-strip">
      <span><Icon name="i-screen" />{viewers > 0 ? `${viewers} at it` : 'nobody at it'}</span>
      <span class="wide-only">{words}</span>
      <span class="grow" />
      {children}
      {size && <span class="mono" title="columns × rows">{size.cols}×{size.rows}</span>}
    </div>
  )
}

function Closed({ workspace, screen }: { workspace: Workspace; screen: Signal<Screen | null> }) {
  const asleep = workspace.phase === 'sleeping' || workspace.phase === 'stopped'
  return (
    <div class="terminal-room">
      {screen.value && <Snapshot screen={screen.value} />}
      <div class="empty">
        <h1>{!may(workspace) ? 'You may not see the terminal' : asleep ? 'The machine sleeps' : 'No terminal now'}</h1>
        <p>{may(workspace) ? 'The terminal opens when the workspace runs.' : 'What stands on a screen may hold more than the work. The owner of the workspace lets people act in it.'}</p>
        {asleep && may(workspace) && <button type="button" class="btn main" onClick={() => void wake(workspace)}>Wake it</button>}
      </div>
    </div>
  )
}
