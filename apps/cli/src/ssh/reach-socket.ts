/** A connection into a workspace over the server, as a pipe with two ends. Loaded for each ssh connection: nothing heavy. */
import type { Endpoint } from '@berth/client'
import { BerthError, ERROR_CODES, type ErrorBody } from '@berth/wire/error'
import { onAbort } from '../on-abort.ts'
import { createReachPipe, type PipeSink, type ReachPipe } from '@berth/wire/reach-pipe'

export interface Reached {
  readonly pipe: ReachPipe
  /** How the connection ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
}

/** Resolves when the server let us in; the signal ends the waiting for that, and nothing later. Whatever it refused with is what is thrown. */
export async function reach(endpoint: Endpoint & { readonly token: string }, path: string, sink: PipeSink, signal?: AbortSignal): Promise<Reached> {
  // Bun's client takes these; the DOM's types do not know.
  const socket = new WebSocket(endpoint.url.replace(/^http/, 'ws') + path, { headers: { authorization: `Bearer ${endpoint.token}` }, perMessageDeflate: false } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const opened = Promise.withResolvers<boolean>()
  const ended = Promise.withResolvers<{ code: number; reason: string }>()
  const pipe = createReachPipe({ send: (data) => socket.send(data as Uint8Array<ArrayBuffer> | string), close: (code, reason) => socket.close(code, reason) }, sink)
  socket.addEventListener('open', () => opened.resolve(true))
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => pipe.message(typeof data === 'string' ? data : new Uint8Array(data)))
  socket.addEventListener('error', () => opened.resolve(false))
  socket.addEventListener('close', ({ code, reason }) => {
    opened.resolve(false)
    pipe.closed()
    ended.resolve({ code, reason })
  })
  const listenNoMore = signal === undefined ? () => {} : onAbort(signal, () => { socket.close(); opened.resolve(false) })
  const isOpen = await opened.promise
  listenNoMore()
  if (isOpen) return { pipe, ended: ended.promise }
  if (signal?.aborted === true) throw new BerthError('cancelled', 'cancelled')
  throw await refusal(endpoint, path)
}

/** A refused upgrade carries no words: asked again without one, the server says why. */
async function refusal(endpoint: Endpoint & { readonly token: string }, path: string): Promise<BerthError> {
  try {
    const response = await fetch(endpoint.url + path, { headers: { authorization: `Bearer ${endpoint.token}` }, signal: AbortSignal.timeout(5000) })
    // What the server answers with is this, or nothing we know.
    const body = (await response.json()) as Partial<ErrorBody>
    const code = ERROR_CODES.find((known) => known === body.code) ?? 'internal'
    return new BerthError(code, body.message ?? `the server answered ${response.status}`, body.hint === undefined ? {} : { hint: body.hint })
  } catch (cause) {
    return new BerthError('server_unreachable', 'the server does not answer', { hint: 'see `berth server status`', cause })
  }
}
