/** opencode's own server, in a terminal of its own: found alive or started, asked over HTTP, listened to. */
import { createServer } from 'node:net'
import { BerthError } from '@berth/wire'
import type { DriverDeps } from '../../../contracts.ts'
import { parseJson } from '../json-lines.ts'
import { lastWords } from '../screen.ts'

const READY_WITHIN_MS = 60_000
const LOOK_MS = 100
const ASK_WITHIN_MS = 20_000
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
const AGAIN_MS = 500

export interface Address { readonly port: number; /** A secret: whoever knows it commands the agent. */ readonly password: string }
export interface OpencodeServer {
  get(path: string): Promise<unknown>
  /** Null: there is no such thing. */
  find(path: string): Promise<unknown>
  post(path: string, body: unknown): Promise<unknown>
  /** Each event of the server, until the signal; `connected` before the first, and again after a loss. */
  follow(handlers: { connected: () => Promise<void>; event: (value: unknown) => void }, signal: AbortSignal): Promise<void>
}

export function createOpencodeServer({ port, password }: Address): OpencodeServer {
  const url = `http://127.0.0.1:${port}`
  const headers = { authorization: `Basic ${btoa(`opencode:${password}`)}` }
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => fetch(url + path, { ...init, headers: { ...headers, 'content-type': 'application/json' }, signal: AbortSignal.timeout(ASK_WITHIN_MS) })
  const read = async (response: Response): Promise<unknown> => {
    const text = await response.text()
    if (!response.ok) throw new BerthError('agent_unavailable', `opencode answered ${response.status}: ${text.slice(0, 300)}`, { hint: 'look at the terminal `agent-server`' })
    if (text.length > ANSWER_LIMIT_BYTES) throw new BerthError('too_large', 'opencode answered with too much')
    return text === '' ? null : JSON.parse(text)
  }
  return {
    get: async (path) => read(await ask(path)),
    async find(path) {
      const response = await ask(path)
      return response.status === 404 || response.status === 400 ? null : read(response)
    },
    post: async (path, body) => read(await ask(path, { method: 'POST', body: JSON.stringify(body) })),
    async follow({ connected, event }, signal) {
      while (!signal.aborted) {
        try {
          const response = await fetch(`${url}/event`, { headers, signal })
          // What happens between the snapshot and the first event is in the stream already.
          const events = lines(response.body)
          await connected()
          for await (const line of events) if (line.startsWith('data:')) event(parseJson(line.slice(5)))
        } catch { /* it is gone, or not there yet; its terminal tells which */ }
        if (!signal.aborted) await Bun.sleep(AGAIN_MS)
      }
    },
  }
}

async function* lines(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (stream === null) return
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > ANSWER_LIMIT_BYTES) return
    yield* parts
  }
}

/** Resolves when the server answers; its end in the meantime is said with its last words. */
export async function serverReady(address: Address, where: Pick<DriverDeps, 'terminals' | 'session'>, signal: AbortSignal): Promise<void> {
  const server = createOpencodeServer(address)
  for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await Bun.sleep(LOOK_MS)) {
    signal.throwIfAborted()
    if (await server.get('/global/health').then(() => true, () => false)) return
    const said = await lastWords(where)
    if (said !== null) throw new BerthError('agent_unavailable', `opencode ended as it began: ${said}`, { hint: 'look at the terminal `agent-server`, then send a message to try again' })
  }
  throw new BerthError('timeout', 'opencode did not begin to answer', { hint: 'look at the terminal `agent-server`, then send a message to try again' })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => { resolve(typeof address === 'object' && address !== null ? address.port : 0) })
    })
  })
}
