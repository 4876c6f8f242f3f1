import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }
import type { WorkspaceId } from '@berth/wire'

export interface TerminalOptions { workspaceId: WorkspaceId; terminalId: string; onState(state: 'connecting' | 'open' | 'closed'): void }

/** Bytes go through as binary messages, control as text. Connects again by itself. Returns the closer. */
export function openTerminal(element: HTMLElement, options: TerminalOptions): () => void {
  addStyle()
  const look = getComputedStyle(document.documentElement)
  const colour = (name: string) => look.getPropertyValue(name).trim()
  const terminal = new Terminal({
    fontFamily: colour('--mono'), fontSize: innerWidth < 600 ? 11 : 13, cursorBlink: false, scrollback: 5000, allowProposedApi: false,
    theme: { background: colour('--sunken'), foreground: colour('--ink'), cursor: colour('--accent'), selectionBackground: colour('--accent-line') },
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(element)
  fit.fit()
  let socket: WebSocket | null = null
  let closed = false
  let again = 250
  const connect = () => {
    if (closed) return
    options.onState('connecting')
    const path = `/api/v1/workspaces/${options.workspaceId}/terminals/${encodeURIComponent(options.terminalId)}/attach?cols=${terminal.cols}&rows=${terminal.rows}&mode=control`
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      again = 250
      terminal.reset()
      options.onState('open')
    }
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) terminal.write(new Uint8Array(data))
    }
    socket.onclose = () => {
      if (closed) return
      options.onState('closed')
      setTimeout(connect, again)
      again = Math.min(again * 2, 8000)
    }
  }
  const bytes = new TextEncoder()
  const send = (data: string | Uint8Array<ArrayBuffer>) => socket?.readyState === WebSocket.OPEN && socket.send(data)
  terminal.onData((text) => send(bytes.encode(text)))
  terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))))
  terminal.onResize(({ cols, rows }) => send(JSON.stringify({ type: 'resize', cols, rows })))
  const observer = new ResizeObserver(() => fit.fit())
  observer.observe(element)
  connect()
  return () => {
    closed = true
    observer.disconnect()
    socket?.close()
    terminal.dispose()
  }
}

/** The style travels with the script, so that the first page does not carry it. */
function addStyle(): void {
  if (document.getElementById('xterm-style')) return
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  const mark = document.createElement('meta')
  mark.id = 'xterm-style'
  document.head.append(mark)
}
