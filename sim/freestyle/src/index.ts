/**
 * The Freestyle API (/v5, virtual machines) on loopback, closed to what the official client's types do not have. `world`
 * says what is there, what it costs, and makes things happen; an answer that is not as described stands in `faulty`.
 */
import { byPath, jsonOf, listOf, startFront, type AskedAtPath, type Front, type JsonAnswer } from '@berth/sim-vendor'
import type { z } from 'zod'
import { Accepted, RefusalGiven } from './described.ts'
import { Refusal, type Fault } from './model.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { Malformed, takenBy } from './taken.ts'
import { createWorld, type World, type WorldOptions } from './world.ts'

export { createContainers, type Containers } from './containers.ts'
export { SNAPSHOTS, type World } from './world.ts'
export type { Backend, Command, Fault, Snapshot, Vm } from './model.ts'

export interface FreestyleSim extends Front { readonly world: World }

const BACKGROUND_AFTER = 'x-freestyle-background-after-secs'
const RESULTS = '/v5/background-requests/'

export function startFreestyle(options: WorldOptions = {}): FreestyleSim {
  const world = createWorld(options)
  const results = new Map<string, Promise<JsonAnswer>>()
  const front = startFront<AskedAtPath, Fault, Refusal, JsonAnswer>(world, {
    ...byPath(),
    ...jsonOf,
    async answer(request, { asked: { method, url, pathname }, what }) {
      if (!world.keys.has(/^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '')) throw new Refusal(401, 'INVALID_API_KEY', 'the API key is not valid')
      world.settle()
      const result = pathname.startsWith(RESULTS) ? results.get(pathname.slice(RESULTS.length)) : undefined
      if (result !== undefined) return result
      const operation = OPERATIONS.find((each) => each.method === method && each.pattern.test(pathname))
      if (operation === undefined) throw new Refusal(404, 'NOT_FOUND', 'no such route')
      const taken = await takenBy(operation, request, url)
      const run = () => answered(world, operation, { path: decodeURIComponent(operation.pattern.exec(pathname)?.[1] ?? ''), taken, list: listOf(what) })
      if (!world.inBackground || !request.headers.has(BACKGROUND_AFTER)) return run()
      const requestId = `bg-${results.size + 1}`
      results.set(requestId, run().catch((error: unknown) => {
        if (error instanceof Refusal) return refused(error)
        throw error
      }))
      return { status: 202, body: given(Accepted, { requestId, resultUrl: `${RESULTS}${requestId}` }) }
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: (refusal) => refusal instanceof Malformed,
      answer: refused,
      scripted: ({ status }) => new Refusal(status, 'SCRIPTED', 'scripted'),
      after: (status) => new Refusal(status, 'SCRIPTED', 'scripted'),
      internal: (problem) => new Refusal(500, 'INTERNAL_ERROR', problem),
    },
  })
  return { ...front, world }
}

const refused = ({ status, code, message }: Refusal): JsonAnswer => ({ status, body: given(RefusalGiven, { code, message }) })

/** Throws for what is not as described: a fault of the simulator. */
function given<T>(schema: z.ZodType<T>, value: unknown): T {
  return schema.parse(value)
}

async function answered(world: World, { gives, run }: Operation, call: { path: string; taken: unknown; list: ReturnType<typeof listOf> }): Promise<JsonAnswer> {
  const value = await run({ world, ...call })
  // Without a duration a transition has ended by the time its answer is sent, all but in name.
  world.settle()
  return gives === null ? { status: 204, body: null } : { status: 200, body: given(gives, value) }
}
