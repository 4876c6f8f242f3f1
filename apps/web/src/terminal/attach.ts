/** The socket of a terminal, without the terminal: small enough for somebody who only says one line. */
import type { WorkspaceId } from '@berth/wire'
import { socketUrl } from '../state/session.ts'

export interface Size { readonly cols: number; readonly rows: number }
interface Which { readonly workspaceId: WorkspaceId; readonly terminalId: string }

export function attachUrl({ workspaceId, terminalId }: Which, { cols, rows }: Size): string {
  return socketUrl(`/workspaces/${workspaceId}/terminals/${encodeURIComponent(terminalId)}/attach?cols=${cols}&rows=${rows}&mode=control`)
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
/** What a viewer typed who leaves at once may not have reached the program: nobody says when it has. */
const STAY_MS = 5000

/** Types one line as a viewer of the others' size. Answers when something came back (or nothing does), and leaves a while later. */
export function sendLine(which: Which, size: Size, line: string): Promise<'sent' | 'refused'> {
  return new Promise((resolve) => {
    const socket = new WebSocket(attachUrl(which, size))
    socket.binaryType = 'arraybuffer'
    let said = false
    let timer = setTimeout(() => socket.close(), OPEN_MS)
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return
      if (said) return resolve('sent')
      // The first bytes paint the screen: from then on the terminal takes what is typed.
      said = true
      socket.send(new TextEncoder().encode(`${line}\r`))
      clearTimeout(timer)
      setTimeout(() => resolve('sent'), ECHO_MS)
      timer = setTimeout(() => socket.close(), STAY_MS)
    }
    socket.onclose = () => {
      clearTimeout(timer)
      resolve(said ? 'sent' : 'refused')
    }
  })
}
