import { FitAddon } from '@xterm/addon-fit'
import { Terminal, type ITheme } from '@xterm/xterm'
import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }
import type { WorkspaceId } from '@berth/wire'
import { routeInlineStyles } from './inline-free-styles.ts'

export interface TerminalOptions { workspaceId: WorkspaceId; terminalId: string; onState(state: 'connecting' | 'open' | 'closed' | 'exited'): void }
export interface OpenTerminal {
  /** As if somebody typed it. */
  type(keys: string): void
  close(): void
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 8000
const NARROW_PX = 600
/** Programs choose colours for a ground they do not know. */
const READABLE_CONTRAST = 4.5

/** Bytes go through as binary messages, control as text. Connects again by itself; the first bytes then paint the whole screen. */
export function openTerminal(element: HTMLElement, options: TerminalOptions): OpenTerminal {
  addStyle()
  const terminal = new Terminal({
    fontFamily: tokens()('--mono'), fontSize: innerWidth < NARROW_PX ? 11 : 13, cursorBlink: false, scrollback: 5000, allowProposedApi: false,
    theme: themeOfTokens(), minimumContrastRatio: READABLE_CONTRAST,
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(element)
  fit.fit()
  const stop = new AbortController()
  let socket: WebSocket | null = null
  let retryMs = FIRST_RETRY_MS
  let exited = false
  const connect = () => {
    if (stop.signal.aborted) return
    options.onState('connecting')
    const path = `/api/v1/workspaces/${options.workspaceId}/terminals/${encodeURIComponent(options.terminalId)}/attach?cols=${terminal.cols}&rows=${terminal.rows}&mode=control`
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      terminal.reset()
      exited = false
      options.onState('open')
    }
    socket.onmessage = ({ data }) => {
      // Only a terminal that speaks is worth asking again at once.
      retryMs = FIRST_RETRY_MS
      if (data instanceof ArrayBuffer) terminal.write(new Uint8Array(data))
      else if (typeof data === 'string' && saysExit(data)) exited = true
    }
    socket.onclose = () => {
      if (stop.signal.aborted) return
      options.onState(exited ? 'exited' : 'closed')
      setTimeout(connect, retryMs)
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
    }
  }
  const bytes = new TextEncoder()
  const send = (data: string | Uint8Array<ArrayBuffer>) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data)
  }
  terminal.onData((text) => send(bytes.encode(text)))
  terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))))
  terminal.onResize(({ cols, rows }) => send(JSON.stringify({ type: 'resize', cols, rows })))
  const observer = new ResizeObserver(() => fit.fit())
  observer.observe(element)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (terminal.options.theme = themeOfTokens()), { signal: stop.signal })
  connect()
  return {
    type: (keys) => terminal.input(keys),
    close() {
      stop.abort()
      observer.disconnect()
      socket?.close()
      terminal.dispose()
    },
  }
}

function saysExit(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown }).type === 'exit'
  } catch {
    return false
  }
}

function tokens(): (name: string) => string {
  const look = getComputedStyle(document.documentElement)
  return (name) => look.getPropertyValue(name).trim()
}

/** The sixteen colours in the page's own inks. */
function themeOfTokens(): ITheme {
  const token = tokens()
  const [ink, ink2, ink3, add, del, accent] = [token('--ink'), token('--ink-2'), token('--ink-3'), token('--add'), token('--del'), token('--accent')]
  const [yellow, magenta, sunken, line] = [token('--syn-str'), token('--syn-key'), token('--sunken'), token('--line-2')]
  return {
    background: sunken, foreground: ink, cursor: ink, cursorAccent: sunken, selectionBackground: token('--accent-line'), selectionInactiveBackground: line,
    black: line, red: del, green: add, yellow, blue: accent, magenta, cyan: accent, white: ink2,
    brightBlack: ink3, brightRed: del, brightGreen: add, brightYellow: yellow, brightBlue: accent, brightMagenta: magenta, brightCyan: accent, brightWhite: ink,
  }
}

let styled = false
/** The style travels with the script, so that the first page does not carry it. */
function addStyle(): void {
  if (styled) return
  styled = true
  routeInlineStyles()
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
}
