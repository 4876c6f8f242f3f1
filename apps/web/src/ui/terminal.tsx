import { useEffect, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import type { OpenTerminal } from './xterm.ts'

type State = 'connecting' | 'open' | 'closed' | 'exited'

/** The shared terminal. xterm is loaded only when somebody opens this pane. */
export function TerminalPane({ workspace, terminalId }: { workspace: Workspace; terminalId: string }) {
  const box = useRef<HTMLDivElement>(null)
  const terminal = useRef<OpenTerminal | null>(null)
  const state = useSignal<State>('connecting')
  const can = workspaceCan('attach', workspace.phase)
  useEffect(() => {
    if (!can || !box.current) return
    const element = box.current
    let gone = false
    void import('./xterm.ts').then(({ openTerminal }) => {
      if (!gone) terminal.current = openTerminal(element, { workspaceId: workspace.id, terminalId, onState: (next) => (state.value = next) })
    }, () => (state.value = 'closed'))
    return () => {
      gone = true
      terminal.current?.close()
      terminal.current = null
    }
  }, [workspace.id, terminalId, can])
  if (!can) return <p class="loading">The terminal opens when the workspace runs.</p>
  return (
    <>
      <div class="terminal">
        <div class="screen" ref={box} />
        <p class="over" role="status" hidden={state.value === 'open'}>{STATE_WORDS[state.value]}</p>
      </div>
      <Keys press={(keys) => terminal.current?.type(keys)} />
    </>
  )
}

const STATE_WORDS: Record<State, string> = { connecting: 'Connecting', open: '', closed: 'Disconnected, trying again', exited: 'The program ended' }

/** What a keyboard on glass does not have. */
const KEYS: readonly (readonly [label: string, name: string, keys: string])[] = [
  ['esc', 'Escape', '\u001b'], ['tab', 'Tab', '\t'], ['⇧tab', 'Shift Tab', '\u001b[Z'], ['^C', 'Control C', '\u0003'],
  ['←', 'Left', '\u001b[D'], ['↓', 'Down', '\u001b[B'], ['↑', 'Up', '\u001b[A'], ['→', 'Right', '\u001b[C'],
]

function Keys({ press }: { press: (keys: string) => void }) {
  return (
    <div class="keys" role="toolbar" aria-label="Keys">
      {/* The terminal keeps the focus, so the keyboard stays up. */}
      {KEYS.map(([label, name, keys]) => <button key={name} type="button" aria-label={name} onPointerDown={(event) => event.preventDefault()} onClick={() => press(keys)}>{label}</button>)}
    </div>
  )
}
