/** A connection outlives the request that opened it: it ends soon after what let it in has. */
import type { Attachment } from './attach.ts'

export const ALLOWED_MS = 30_000
/** As the page's own socket says it. */
const SIGNED_OUT = 4401

export function whileAllowed(attachment: Attachment, allowed: () => Promise<boolean>, everyMs: number): Attachment {
  let timer: ReturnType<typeof setInterval> | undefined
  return {
    ...attachment,
    opened(socket) {
      attachment.opened(socket)
      const look = async () => {
        if (!(await allowed())) socket.close(SIGNED_OUT, 'signed out')
      }
      // A database that is away takes nobody's terminal.
      timer = setInterval(() => void look().catch(() => undefined), everyMs)
    },
    closed() {
      clearInterval(timer)
      attachment.closed()
    },
  }
}
