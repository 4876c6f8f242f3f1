/** A connection outlives the request that opened it: it ends soon after what let it in has. */
import type { Attachment } from './attach.ts'

/** Two looks, and what they take, fit in the ten seconds after which nothing that was taken away goes on. */
export const ALLOWED_MS = 4000
/** As the page's own socket says it. */
const SIGNED_OUT = 4401

/** Fires when it is not allowed any more, or `until` does. */
export function signalWhileAllowed(allowed: () => Promise<boolean>, { everyMs, until }: { everyMs: number; until: AbortSignal }): AbortSignal {
  const over = new AbortController()
  const timer = setInterval(() => void allowed().then((still) => { if (!still) over.abort() }, () => undefined), everyMs)
  timer.unref()
  const signal = AbortSignal.any([over.signal, until])
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  return signal
}

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
