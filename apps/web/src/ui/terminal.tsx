import { useEffect, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import type { openTerminal as OpenTerminal } from './xterm.ts'

/** The shared terminal. xterm is loaded only when somebody opens this pane. */
export function TerminalPane({ workspace, terminalId }: { workspace: Workspace; terminalId: string }) {
  const box = useRef<HTMLDivElement>(null)
  const state = useSignal<'connecting' | 'open' | 'closed'>('connecting')
  const can = workspaceCan('attach', workspace.phase)
  useEffect(() => {
    if (!can || !box.current) return
    const element = box.current
    let close = () => {}
    let gone = false
    void import('./xterm.ts').then(({ openTerminal }: { openTerminal: typeof OpenTerminal }) => {
      if (!gone) close = openTerminal(element, { workspaceId: workspace.id, terminalId, onState: (next) => (state.value = next) })
    })
    return () => {
      gone = true
      close()
    }
  }, [workspace.id, terminalId, can])
  if (!can) return <p class="loading">The terminal opens when the workspace runs.</p>
  return (
    <div class="terminal">
      <div class="screen" ref={box} />
      {state.value !== 'open' && <p class="meta over">{state.value === 'connecting' ? 'Connecting' : 'Disconnected, trying again'}</p>}
    </div>
  )
}
