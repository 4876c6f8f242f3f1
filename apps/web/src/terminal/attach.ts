/** The socket of a terminal, without the terminal: small enough for somebody who only says one line. */
import type { WorkspaceId } from '@berth/wire'

export interface Size { readonly cols: number; readonly rows: number }
interface Which { readonly workspaceId: WorkspaceId; readonly terminalId: string }

export function attachUrl({ workspaceId, terminalId }: Which, { cols, rows }: Size): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/workspaces/${workspaceId}/terminals/${encodeURIComponent(terminalId)}/attach?cols=${cols}&rows=${rows}&mode=control`
}

export function saysExit(text: string): boolean {
  try {
    // Only one field of an unknown message is looked at.
    return (JSON.parse(text) as { type?: unknown }).type === 'exit'
  } catch {
    return false
  }
}

const ECHO_MS = 2000
const OPEN_MS = 15_000

/** Types one line as a viewer of the others' size, and leaves when the program has answered (or has nothing to say). */
export function sendLine(which: Which, size: Size, line: string): Promise<'sent' | 'refused'> {
  return new Promise((resolve) => {
    const socket = new WebSocket(attachUrl(which, size))
    socket.binaryType = 'arraybuffer'
    let said = false
    const end = () => socket.close()
    let timer = setTimeout(end, OPEN_MS)
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return
      // The first bytes paint the screen: from then on the terminal takes what is typed.
      if (said) return end()
      said = true
      socket.send(new TextEncoder().encode(`${line}\r`))
      clearTimeout(timer)
      timer = setTimeout(end, ECHO_MS)
    }
    socket.onclose = () => {
      clearTimeout(timer)
      resolve(said ? 'sent' : 'refused')
    }
  })
}
