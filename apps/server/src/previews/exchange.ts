/** One request of a visitor, carried to the dev server and answered. WebSockets become a pipe of bytes. */
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { asChunk, bodyOf, LAST_CHUNK, readHead } from './body.ts'
import type { Body } from './body.ts'
import type { ClientConnection } from './client-connection.ts'
import { isWebSocket, toBrowser, toServer } from './headers.ts'
import type { Place } from './headers.ts'
import { BadMessage, encodeHead, framingOfRequest, framingOfResponse, parseResponseHead, staysOpen, valueOf, wordsOf } from './http1.ts'
import type { Framing, RequestHead, ResponseHead } from './http1.ts'
import type { ServerConnection, ServerConnections } from './upstream.ts'

export interface Exchange {
  readonly visitor: ClientConnection
  readonly head: RequestHead
  readonly place: Place
  readonly workspaceId: WorkspaceId
}

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Before the answer proper; each is dropped. */
const INFORMATION_LIMIT = 10

/** True: the visitor's connection carries another. What goes wrong before the answer began is thrown. */
export async function exchange(connections: ServerConnections, at: Exchange): Promise<boolean> {
  const { visitor, head } = at
  const framing = framingOfRequest(head)
  const body = bodyOf(visitor, framing)
  if (framing.by !== 'none' && head.minor === 1 && wordsOf(head.headers, 'expect').includes('100-continue')) await visitor.write(CONTINUE)
  const { server, answer, upload } = await answered(connections, at, { framing, body })
  const forget = visitor.onClose(() => server.destroy())
  try {
    if (answer.status === 101) return await pipe(visitor, server, at, answer)
    return await deliver(at, { server, answer, upload })
  } catch {
    // It broke off in the middle: the visitor must not take it for whole.
    server.destroy()
    visitor.destroy()
    return false
  } finally {
    forget()
  }
}

interface Upload { done: boolean; failed: unknown }
interface Answered { readonly server: ServerConnection; readonly answer: ResponseHead; readonly upload: Upload }

async function answered(connections: ServerConnections, at: Exchange, sent: { framing: Framing; body: Body }): Promise<Answered> {
  const { head, place, visitor, workspaceId } = at
  const repeatable = sent.framing.by === 'none' && REPEATABLE.has(head.method)
  // With a body it would be two streams of bytes at once, and nobody says where one ends.
  const upgrade = isWebSocket(head) && sent.framing.by === 'none'
  const first = encodeHead(`${head.method} ${head.target} HTTP/1.1`, [...toServer(head, place, { address: visitor.address, upgrade }), ...framed(sent.framing)])
  for (let again = false; ; again = true) {
    const server = await connections.open({ workspaceId, port: place.port, fresh: again || upgrade || !repeatable }, visitor)
    const forget = visitor.onClose(() => server.destroy())
    const upload: Upload = { done: sent.framing.by === 'none', failed: null }
    try {
      void sendRequest(server, first, sent, upload)
      const answer = await answerOf(server, head, place)
      if (answer.status === 101 && !upgrade) throw new BerthError('network_unreachable', 'the server changed the protocol without being asked')
      return { server, answer, upload }
    } catch (error) {
      server.destroy()
      if (upload.failed !== null) throw upload.failed
      if (visitor.closed) throw new BerthError('cancelled', 'the visitor left')
      // The server closed a kept connection at the moment it was used again.
      if (!server.used || again) throw error
    } finally {
      forget()
    }
  }
}

const framed = (framing: Framing): [string, string][] => (framing.by === 'length' ? [['content-length', String(framing.bytes)]] : framing.by === 'chunks' ? [['transfer-encoding', 'chunked']] : [])

/** Never rejects. A server that takes no more still answers; a visitor that breaks off has no answer to get. */
async function sendRequest(server: ServerConnection, first: Buffer, { framing, body }: { framing: Framing; body: Body }, upload: Upload): Promise<void> {
  const sending = server.write(first)
  try {
    await sending
    if (upload.done) return
  } catch {
    return
  }
  for (;;) {
    let piece: Buffer | null
    try {
      piece = await body()
    } catch (cause) {
      upload.failed = cause
      return server.destroy()
    }
    try {
      if (piece === null) break
      await server.write(framing.by === 'chunks' ? asChunk(piece) : piece)
    } catch {
      return
    }
  }
  if (framing.by === 'chunks') await server.write(LAST_CHUNK)?.catch(() => {})
  upload.done = true
}

async function answerOf(server: ServerConnection, { method }: RequestHead, place: Place): Promise<ResponseHead> {
  for (let seen = 0; seen < INFORMATION_LIMIT; seen++) {
    const bytes = await readHead(server).catch((cause: unknown) => {
      if (cause instanceof BerthError && cause.code === 'bad_request') throw unreadable(place, cause)
      throw notListening(place, cause)
    })
    if (bytes === null) throw new BerthError('network_unreachable', `the server on port ${place.port} closed the connection without an answer`, { hint: 'its own output may say why' })
    const answer = parsed(bytes, method, place)
    if (answer.status >= 200 || answer.status === 101) return answer
  }
  throw new BerthError('network_unreachable', `the server on port ${place.port} does not come to an answer`)
}

/** While nothing was passed on yet: of an answer without a clear length the visitor is told so. */
function parsed(bytes: Buffer, method: string, place: Place): ResponseHead {
  try {
    const answer = parseResponseHead(bytes)
    framingOfResponse(answer, method)
    return answer
  } catch (cause) {
    throw unreadable(place, cause)
  }
}

/** With the reason, which is ours: a server with 300 headers does speak HTTP. */
const unreadable = (place: Place, cause: unknown): BerthError => new BerthError('network_unreachable', `what listens on port ${place.port} does not speak HTTP that can be passed on${cause instanceof BadMessage ? `: ${cause.message}` : ''}`, { hint: `for other protocols: \`berth forward <workspace> ${place.port}\``, cause })
export const NOT_LISTENING = 'not-listening'
const notListening = (place: Place, cause: unknown): BerthError => new BerthError('network_unreachable', `nothing listens on port ${place.port} yet`, { hint: 'start a server in the workspace', details: { reason: NOT_LISTENING, port: place.port }, cause })

interface Delivery { readonly first: Buffer; readonly chunks: boolean; readonly keep: boolean }

/** How the answer is framed towards the visitor. */
function deliveryOf({ head, place }: Exchange, answer: ResponseHead, { framing, uploaded }: { framing: Framing; uploaded: boolean }): Delivery {
  const chunks = (framing.by === 'chunks' || framing.by === 'close') && head.minor === 1
  const known = framing.by === 'length' || framing.by === 'none'
  // A visitor of the first version learns the end by the close.
  const keep = staysOpen(head) && uploaded && (chunks || known)
  const headers = toBrowser(answer, place)
  const length = valueOf(answer.headers, 'content-length')
  if (chunks) headers.push(['transfer-encoding', 'chunked'])
  // Of HEAD and 304 it is what would have come.
  else if (length !== null && known && answer.status !== 204) headers.push(['content-length', length])
  if (!keep) headers.push(['connection', 'close'])
  else if (head.minor === 0) headers.push(['connection', 'keep-alive'])
  return { first: encodeHead(`HTTP/1.1 ${answer.status} ${answer.reason}`, headers), chunks, keep }
}

async function deliver(at: Exchange, { server, answer, upload }: Answered): Promise<boolean> {
  const framing = framingOfResponse(answer, at.head.method)
  const delivery = deliveryOf(at, answer, { framing, uploaded: upload.done })
  await passOn(at.visitor, server, framing, delivery)
  if (upload.done && framing.by !== 'close' && staysOpen(answer)) server.release()
  else server.destroy()
  return delivery.keep && upload.done
}

function passOn(visitor: ClientConnection, server: ServerConnection, framing: Framing, { first, chunks }: Delivery): Promise<void> {
  switch (framing.by) {
    case 'none': return visitor.write(first) ?? Promise.resolve()
    case 'length': return passLength(visitor, server, framing, first)
    default: return passPieces(visitor, server, framing, { first, chunks })
  }
}

/** The first bytes go with the head when they are there; nobody waits for them with the head in hand. */
async function passPieces(visitor: ClientConnection, server: ServerConnection, framing: Framing, { first, chunks }: Pick<Delivery, 'first' | 'chunks'>): Promise<void> {
  const body = bodyOf(server, framing)
  let start = first
  if (!server.buffered) {
    await visitor.write(first)
    start = NOTHING
  }
  for (;;) {
    const next = body()
    const piece = next instanceof Promise ? await next : next
    if (piece === null) break
    const out = chunks ? asChunk(piece) : piece
    const written = visitor.write(start === NOTHING ? out : Buffer.concat([start, out]))
    start = NOTHING
    if (written !== undefined) await written
    if (visitor.closed) throw new BerthError('cancelled', 'the visitor left')
  }
  if (chunks || start !== NOTHING) await visitor.write(chunks ? Buffer.concat([start, LAST_CHUNK]) : start)
}

/** What came with the head goes with it, the rest as it comes. */
async function passLength(visitor: ClientConnection, server: ServerConnection, framing: Framing & { by: 'length' }, first: Buffer): Promise<void> {
  const next = server.buffered ? bodyOf(server, framing)() : null
  const piece = next instanceof Promise ? await next : next
  await visitor.write(piece === null ? first : Buffer.concat([first, piece]))
  const left = framing.bytes - (piece?.length ?? 0)
  if (left > 0) await server.pour(left, visitor)
}
const NOTHING: Buffer = Buffer.alloc(0)

async function pipe(visitor: ClientConnection, server: ServerConnection, { place }: Exchange, answer: ResponseHead): Promise<boolean> {
  const kept = [...toBrowser(answer, place), ['connection', 'Upgrade'], ['upgrade', 'websocket']] as const
  await visitor.write(encodeHead('HTTP/1.1 101 Switching Protocols', kept))
  const up = async (): Promise<void> => {
    for (let bytes = await visitor.read(); bytes !== null; bytes = await visitor.read()) await server.write(bytes)
    server.end()
  }
  const down = async (): Promise<void> => {
    for (let bytes = await server.read(); bytes !== null; bytes = await server.read()) await visitor.write(bytes)
    visitor.end()
  }
  const over = (): void => {
    server.destroy()
    visitor.destroy()
  }
  // A server that ended says no more, and listens to nobody.
  await Promise.all([up().catch(over), down().then(() => server.destroy(), over)])
  return false
}
