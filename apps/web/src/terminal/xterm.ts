import { FitAddon } from '@xterm/addon-fit'
import { Terminal, type ITheme } from '@xterm/xterm'
import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }
import type { WorkspaceId } from '@berth/wire'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { routeInlineStyles } from './inline-free-styles.ts'
import { attachUrl, saysExit, type Size } from './attach.ts'

export type TerminalState = 'connecting' | 'open' | 'closed' | 'exited'
interface TerminalOptions {
  workspaceId: WorkspaceId
  terminalId: string
  /** The size the others see, which this screen takes over; null: as this screen fits, which changes it for everybody. */
  size: Size | null
  onState(state: TerminalState): void
  onSize(size: Size): void
  /** The next letter is typed with Control held. */
  control(): boolean
}
export interface OpenTerminal {
  /** As if somebody typed it. */
  type(keys: string): void
  /** The others changed it. Ignored once this screen decides. */
  follow(size: Size): void
  fit(): void
  focus(): void
  close(): void
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 8000
const NARROW_PX = 600
/** Programs choose colours for a ground they do not know. */
const READABLE_CONTRAST = 4.5

/** What turns a line around would show another line than the one that is there. */
const OVERRIDES = /[\u202a-\u202e\u2066-\u2069]/g

/** Bytes go through as binary messages, control as text. Connects again by itself; the first bytes then paint the whole screen. */
export function openTerminal(element: HTMLElement, options: TerminalOptions): OpenTerminal {
  adoptStyle(css)
  routeInlineStyles()
  const terminal = new Terminal({
    fontFamily: tokens()('--mono'), fontSize: innerWidth < NARROW_PX ? 11 : 13, cursorBlink: false, scrollback: 5000, allowProposedApi: false,
    theme: themeOfTokens(), minimumContrastRatio: READABLE_CONTRAST, ...options.size,
  })
  const addon = new FitAddon()
  terminal.loadAddon(addon)
  terminal.open(element)
  let fits = options.size === null
  if (fits) addon.fit()
  const stop = new AbortController()
  const send = connectAgain(terminal, options, stop.signal)
  const bytes = new TextEncoder()
  terminal.onData((text) => send(bytes.encode(text.length === 1 && options.control() ? controlled(text) : text)))
  terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))))
  terminal.onResize((size) => {
    options.onSize(size)
    send(JSON.stringify({ type: 'resize', ...size }))
  })
  options.onSize({ cols: terminal.cols, rows: terminal.rows })
  const observer = new ResizeObserver(() => {
    if (fits) addon.fit()
  })
  observer.observe(element)
  const repaint = () => (terminal.options.theme = themeOfTokens())
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint, { signal: stop.signal })
  const chosen = new MutationObserver(repaint)
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return {
    type: (keys) => terminal.input(keys),
    follow({ cols, rows }) {
      if (!fits && (cols !== terminal.cols || rows !== terminal.rows)) terminal.resize(cols, rows)
    },
    fit() {
      fits = true
      addon.fit()
    },
    focus: () => terminal.focus(),
    close() {
      stop.abort()
      observer.disconnect()
      chosen.disconnect()
      terminal.dispose()
    },
  }
}

function connectAgain(terminal: Terminal, options: TerminalOptions, signal: AbortSignal): (data: string | Uint8Array<ArrayBuffer>) => void {
  let socket: WebSocket | null = null
  let retryMs = FIRST_RETRY_MS
  let exited = false
  const connect = () => {
    if (signal.aborted) return
    options.onState('connecting')
    socket = new WebSocket(attachUrl(options, terminal))
    socket.binaryType = 'arraybuffer'
    const decoder = new TextDecoder()
    socket.onopen = () => {
      terminal.reset()
      exited = false
      options.onState('open')
    }
    socket.onmessage = ({ data }) => {
      // Only a terminal that speaks is worth asking again at once.
      retryMs = FIRST_RETRY_MS
      if (data instanceof ArrayBuffer) terminal.write(decoder.decode(data, { stream: true }).replace(OVERRIDES, ''))
      else if (typeof data === 'string' && saysExit(data)) exited = true
    }
    socket.onclose = () => {
      if (signal.aborted) return
      options.onState(exited ? 'exited' : 'closed')
      setTimeout(connect, retryMs)
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
    }
  }
  signal.addEventListener('abort', () => socket?.close())
  connect()
  return (data) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data)
  }
}

/** What a keyboard sends for a letter with Control held. */
function controlled(letter: string): string {
  const code = letter.toUpperCase().charCodeAt(0)
  return code >= 0x3f && code <= 0x5f ? String.fromCharCode(code === 0x3f ? 0x7f : code & 0x1f) : letter === ' ' ? '\u0000' : letter
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
