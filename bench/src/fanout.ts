/**
 * One publisher, a thousand subscribers of one workspace over SSE, all on loopback: from the daemon's journal until the
 * last of them has the event. The floor is a process that hands the same bytes to as many listeners without a store.
 */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { follow } from '@berth/client'
import { median, percentile, spread, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import type { PlainWorkspace } from './plain-workspace.ts'
import { createFloor } from './sse-floor.ts'
import { createWallClock } from './wall-clock.ts'

const SUBSCRIBERS = 1000
/** The first one warms. */
const ROUNDS = 10
const ROUND_MS = 30_000

export const fanout: Bench = {
  name: 'fanout',
  summary: `one publisher to ${SUBSCRIBERS} subscribers`,
  async *run({ signal }) {
    const plain = await plainRounds(signal)
    const workspace = await startPlainWorkspace('cat >/dev/null')
    try {
      const ours = await rounds(workspace, signal)
      const last = ours.map(({ lastMs }) => lastMs)
      yield { name: 'fanout-last', value: median(last), unit: 'ms', floor: median(plain.map(({ lastMs }) => lastMs)), detail: `until the last of ${SUBSCRIBERS} has it; floor: plain SSE; ${spread(last, 'ms')}` }
      yield { name: 'fanout-median', value: median(ours.map(({ medianMs }) => medianMs)), unit: 'ms', floor: median(plain.map(({ medianMs }) => medianMs)), detail: 'until half of them have it' }
    } finally {
      await workspace.close()
    }
  },
}

interface Round { readonly lastMs: number; readonly medianMs: number }

async function rounds({ product, id, journaledAt }: PlainWorkspace, signal: AbortSignal): Promise<Round[]> {
  const client = product.client()
  const endpoint = product.endpoint()
  const { tail } = await client.getWorkspace({ id })
  const stop = new AbortController()
  const events = follow(endpoint, id, { after: tail, signal: stop.signal })
  const subscribers = await startSubscribers(`${endpoint.url}/api/v1/workspaces/${id}/stream?offset=${tail}&live=sse`, endpoint.token)
  try {
    const done: Round[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      signal.throwIfAborted()
      await client.sendMessage({ id, text: `round ${round}` })
      let accepted: { id: string; seq: number } | null = null
      while (accepted === null) {
        const { value } = await within(ROUND_MS, 'the event', events.next())
        if (value === undefined) throw new BerthError('internal', 'the stream ended')
        if (value.body.type === 'prompt' && value.body['status'] === 'accepted') accepted = { id: value.id, seq: value.seq }
      }
      const at = journaledAt(accepted.id)
      if (at === null) throw new BerthError('internal', 'the event is not in the journal')
      if (round > 0) done.push(await subscribers.round(`"seq":${accepted.seq},`, at))
    }
    return done
  } finally {
    stop.abort()
    await subscribers.close()
  }
}

async function plainRounds(signal: AbortSignal): Promise<Round[]> {
  const now = createWallClock()
  const floor = await createFloor()
  let subscribers: Awaited<ReturnType<typeof startSubscribers>> | null = null
  try {
    subscribers = await startSubscribers(floor.url, '')
    const done: Round[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      signal.throwIfAborted()
      const since = now()
      await floor.publish(`"seq":${round},`)
      const taken = await subscribers.round(`"seq":${round},`, since)
      if (round > 0) done.push(taken)
    }
    return done
  } finally {
    await subscribers?.close()
    await floor.close()
  }
}

/** A process of their own, so that their reading is not our server's time. */
async function startSubscribers(url: string, token: string) {
  const peer = Bun.spawn([process.execPath, join(import.meta.dir, 'peers/subscribers.ts'), url, String(SUBSCRIBERS)], {
    stdin: 'pipe', stdout: 'pipe', stderr: 'inherit', env: { PATH: process.env['PATH'] ?? '', BENCH_TOKEN: token, BUN_CONFIG_MAX_HTTP_REQUESTS: String(2 * SUBSCRIBERS) },
  })
  const lines = linesOf(peer.stdout)
  const close = async (): Promise<void> => {
    peer.kill()
    await peer.exited
  }
  try {
    if ((await within(ROUND_MS, 'the subscribers', lines.next())).value !== 'ready') throw new BerthError('internal', 'the subscribers did not connect', { hint: 'see `ulimit -n`: each needs a file of this process and of the server' })
  } catch (error) {
    await close()
    throw error
  }
  return {
    close,
    /** When each had the first message that holds `mark`, reckoned from `since` (ms since the epoch). */
    async round(mark: string, since: number): Promise<Round> {
      void peer.stdin.write(`${mark}\n`)
      await peer.stdin.flush()
      const { value = '[]' } = await within(ROUND_MS, 'all subscribers', lines.next())
      const arrivals = (JSON.parse(value) as number[]).map((at) => at - since)
      if (arrivals.length !== SUBSCRIBERS) throw new BerthError('internal', `${arrivals.length} of ${SUBSCRIBERS} had the event`)
      return { lastMs: Math.max(...arrivals), medianMs: percentile(arrivals, 50) }
    },
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}
