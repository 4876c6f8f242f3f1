/**
 * Follows the events of a workspace over the Durable Streams route: every event after the cursor exactly once and in
 * order, across lost connections, until the signal fires or the stream is closed (the workspace is deleted and says
 * nothing more). The cursor is the seq of the last event that was given out.
 */
import type { StoredEvent, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { API_PREFIX } from '@berth/wire/api-prefix'
import { request, type Endpoint } from './calls.ts'

export interface FollowOptions {
  /** Events with a larger seq are given; 0 is from the beginning. */
  readonly after: number
  readonly signal: AbortSignal
  /** Told when the connection is lost and found, for "as of" in interfaces. */
  readonly onConnection?: (state: 'live' | 'retrying') => void
}

const FIRST_RETRY_MS = 200
const LAST_RETRY_MS = 5000
/** The server says something at least this often; more silence is a half-open connection. */
const SILENCE_MS = 90_000
/** The same hole seen so often will not fill itself. */
const HOLE_TRIES = 5

export async function* follow(endpoint: Endpoint, workspaceId: WorkspaceId, options: FollowOptions): AsyncGenerator<StoredEvent, void, void> {
  const { signal } = options
  let { after } = options
  let failures = 0
  let holes = 0
  while (!signal.aborted) {
    try {
      for await (const event of connection(endpoint, workspaceId, { ...options, after })) {
        if (event === 'closed') return
        if (event.seq <= after) continue
        // From the beginning is from the oldest that is kept.
        if (after > 0 && event.seq > after + 1 && holes < HOLE_TRIES) {
          holes += 1
          throw new BerthError('internal', `event ${after + 1} is missing`)
        }
        if (after > 0 && event.seq > after + 1) throw new BerthError('cursor_gone', `events ${after + 1} to ${event.seq - 1} are gone`, { hint: 'read again from the beginning' })
        after = event.seq
        failures = holes = 0
        yield event
      }
    } catch (error) {
      if (signal.aborted) return
      if (isFinal(error)) throw error
    }
    if (signal.aborted) return
    options.onConnection?.('retrying')
    await pause(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++) * (0.5 + Math.random() / 2), signal)
  }
}

async function* connection(endpoint: Endpoint, workspaceId: WorkspaceId, options: FollowOptions): AsyncGenerator<StoredEvent | 'closed'> {
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  options.signal.addEventListener('abort', abort)
  let silence: ReturnType<typeof setTimeout> | undefined
  const heard = (): void => {
    clearTimeout(silence)
    silence = setTimeout(abort, SILENCE_MS)
  }
  try {
    heard()
    const offset = options.after === 0 ? '-1' : String(options.after)
    const response = await request(endpoint, `${API_PREFIX}/workspaces/${workspaceId}/stream?offset=${offset}&live=sse`, { headers: { accept: 'text/event-stream' }, signal: stop.signal })
    options.onConnection?.('live')
    if (!response.body) return
    for await (const { name, data } of serverSentEvents(response.body, heard)) {
      if (name === 'control' && (JSON.parse(data) as { streamClosed?: boolean }).streamClosed === true) yield 'closed'
      if (name !== 'data') continue
      const value = JSON.parse(data) as StoredEvent | StoredEvent[]
      yield* Array.isArray(value) ? value : [value]
    }
  } finally {
    clearTimeout(silence)
    options.signal.removeEventListener('abort', abort)
    stop.abort()
  }
}

/** The text format of server-sent events: blocks of `field: value` lines, each ended by an empty line. */
async function* serverSentEvents(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<{ name: string; data: string }> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/)
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        let name = 'message'
        const data: string[] = []
        for (const line of block.split(/\r?\n/)) {
          const [, field, text = ''] = line.match(/^(\w+): ?(.*)$/s) ?? []
          if (field === 'event') name = text
          if (field === 'data') data.push(text)
        }
        if (data.length > 0) yield { name, data: data.join('\n') }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** What asking again cannot change: the request itself was refused. */
function isFinal(error: unknown): boolean {
  return error instanceof BerthError && ['unauthorized', 'forbidden', 'not_found', 'bad_request', 'cursor_gone', 'unsupported'].includes(error.code)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
