/** A one-time link for another device, as text and as a QR code that its camera reads off the terminal. */
import { createClient } from '@berth/client'
import type { Context } from './context.ts'
import { findServer, readToken } from './server-process/find.ts'

const LOOK_MS = 150

export async function showQr({ io }: Pick<Context, 'io'>, text: string): Promise<void> {
  // Loaded by whoever shows one.
  const { renderUnicodeCompact } = await import('uqr')
  io.note(renderUnicodeCompact(text, { border: 2 }))
}

/**
 * Once the server in the foreground answers, which is `pid`: one that runs already lets it not begin. What goes wrong
 * here ends nothing: the server says it itself.
 */
export async function showPublicLink(context: Pick<Context, 'io' | 'home'>, pid: number, signal: AbortSignal): Promise<void> {
  const { io, home } = context
  try {
    let found = await findServer(home)
    while ((found.kind !== 'running' || found.file.pid !== pid) && !signal.aborted) {
      await Bun.sleep(LOOK_MS)
      found = await findServer(home)
    }
    if (found.kind !== 'running' || signal.aborted) return
    const client = createClient({ url: found.file.url, token: await readToken(home) })
    const { url } = await client.createSignInLink({}, signal)
    await showQr(context, url)
    io.note(`on your phone: ${url}`)
    io.note(io.noteStyle.dim('The link signs one browser in, once. For another: `berth web --qr`.'))
    if (!url.startsWith('https:')) io.note(io.noteStyle.dim('Without https a phone gets no notifications and keeps nothing offline; see docs/phone.md.'))
  } catch (error) {
    if (!signal.aborted) io.note(io.noteStyle.dim(`no link could be made: ${error instanceof Error ? error.message : String(error)}`))
  }
}
