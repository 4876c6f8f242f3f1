/**
 * From the daemon's journal to a client that follows: the link, the store, the stream. Each sample is an event that the
 * daemon journaled (its own time of it) and the moment a follower in another process had it.
 */
import { follow } from '@berth/client'
import type { StoredEvent } from '@berth/wire'
import { createFloor } from './sse-floor.ts'
import type { Floor } from './sse-floor.ts'
import { percentile, RUNS, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import type { PlainWorkspace } from './plain-workspace.ts'
import { createWallClock } from './wall-clock.ts'

/** Each makes the daemon journal two events: sent, and accepted. */
const MESSAGES = 20
const GOAL = { p50: 15, p95: 50 }
const ARRIVAL_MS = 30_000

export const eventDelivery: Bench = {
  name: 'event-delivery',
  summary: 'a daemon\'s event until a second client has it',
  async *run({ signal }) {
    const workspace = await startPlainWorkspace('cat >/dev/null')
    const floor = await createFloor()
    try {
      const ours: number[] = []
      const plain: number[] = []
      // The first round only warms: code is compiled, pages are read, connections are made.
      for (let run = 0; run <= RUNS; run++) {
        signal.throwIfAborted()
        const own = await deliveries(workspace)
        const bare = await plainDeliveries(floor)
        if (run === 0) continue
        ours.push(...own)
        plain.push(...bare)
      }
      const detail = `${ours.length} events over link, store and SSE; floor: HTTP to SSE without a store`
      yield { name: 'event-delivery-p50', value: percentile(ours, 50), unit: 'ms', floor: percentile(plain, 50), goal: { valueAtMost: GOAL.p50 }, detail }
      yield { name: 'event-delivery-p95', value: percentile(ours, 95), unit: 'ms', floor: percentile(plain, 95), goal: { valueAtMost: GOAL.p95 }, detail }
    } finally {
      await floor.close()
      await workspace.close()
    }
  },
}

async function deliveries(workspace: PlainWorkspace): Promise<number[]> {
  const { product, id } = workspace
  const client = product.client()
  const now = createWallClock()
  const stop = new AbortController()
  const arrived = new Map<string, number>()
  const accepted = new Set<string>()
  let look = (): void => {}
  const following = (async () => {
    const { tail } = await client.getWorkspace({ id })
    for await (const event of follow(product.endpoint(), id, { after: tail, signal: stop.signal })) {
      arrived.set(event.id, now())
      if (isAccepted(event)) accepted.add(String(event.body['promptId']))
      look()
    }
  })()
  try {
    for (let sent = 0; sent < MESSAGES; sent++) {
      const { promptId } = await client.sendMessage({ id, text: `message ${sent}` })
      await within(ARRIVAL_MS, 'the event', new Promise<void>((resolve) => { look = () => { if (accepted.has(promptId)) resolve() }; look() }))
    }
  } finally {
    stop.abort()
    await following.catch(() => {})
  }
  return [...arrived].flatMap(([eventId, at]) => {
    const journaled = workspace.journaledAt(eventId)
    return journaled === null ? [] : [at - journaled]
  })
}

const isAccepted = ({ body }: StoredEvent): boolean => body.type === 'prompt' && body['status'] === 'accepted'

async function plainDeliveries(floor: Floor): Promise<number[]> {
  const taken: number[] = []
  const subscriber = await floor.subscribe()
  try {
    for (let sent = 0; sent < 2 * MESSAGES; sent++) {
      const since = performance.now()
      const arrival = subscriber.next()
      await floor.publish()
      await within(ARRIVAL_MS, 'the event', arrival)
      taken.push(performance.now() - since)
    }
  } finally {
    await subscriber.close()
  }
  return taken
}
