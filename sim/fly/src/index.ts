/**
 * The Fly Machines API on loopback, strict against the published description. `world` says what is there, what it costs,
 * and makes things happen; an answer that the description does not allow is a fault of the simulator and stands in `faulty`.
 */
import { createGuard, serveDescribed, type Description, type NotAsked } from '@berth/sim-spec'
import { byPath, jsonOf, listOf, startFront, type AskedAtPath, type Front, type JsonAnswer } from '@berth/sim-vendor'
import { Refusal, type Fault, type Token } from './model.ts'
import { OPERATIONS } from './operations.ts'
import { createRate } from './rate.ts'
import description from './spec/api.json'
import type { OperationId } from './spec/operations.ts'
import { OVERLAYS } from './spec/overlay.ts'
import { createWorld, type World, type WorldOptions } from './world.ts'

export { createContainers, type Containers } from './containers.ts'
export { startFlyRegistry, type FlyRegistry } from './registry.ts'
export { REGIONS, type World } from './world.ts'
export type { App, Backend, Fault, Machine, Token, Volume } from './model.ts'

export interface FlySim extends Front { /** With the version in it: what clients call the endpoint. */ readonly url: string; readonly world: World }

const VERSION = '/v1'
/** As the description has it, and not as the world is. */
class Malformed extends Refusal {}

/** `rated`: the vendor's limits of calls count, by the world's clock. */
export function startFly({ rated = false, ...options }: WorldOptions & { readonly rated?: boolean } = {}): FlySim {
  const world = createWorld(options)
  // The description is data of a known form; TypeScript sees only its literal types.
  const guard = createGuard({ description: description as unknown as Description, overlays: OVERLAYS, refusal: 'ErrorResponse' })
  const rate = createRate(world.now)
  const front = startFront<AskedAtPath, Fault, Refusal, JsonAnswer>(world, {
    ...byPath(VERSION),
    ...jsonOf,
    async answer(request, { asked: { method, url, pathname }, what }) {
      const token = tokenOf(world, request)
      world.settle()
      return await serveDescribed(guard, { method, url, pathname, text: await request.text() }, {
        refusal: refusalOf,
        async run({ operation, path, query, body }) {
          if (rated && !rate.take(operation.id, String(path['machine_id'] ?? path['app_name'] ?? ''))) throw new Refusal(429, 'rate limit exceeded')
          const answer = await OPERATIONS[operation.id as OperationId]({ world, token, path, query, body, list: what?.kind === 'oldest hidden' ? what.kind : listOf(what), away: what?.kind === 'region away' ? what.region : null })
          // Without a duration a transition has ended by the time its answer is sent, all but in name.
          world.settle()
          return answer
        },
      })
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: (refusal) => refusal instanceof Malformed,
      answer: ({ status, code, message }) => ({ status, body: { error: message, ...(code === null ? {} : { status: code }) } }),
      scripted: ({ status }) => new Refusal(status, 'scripted'),
      after: (status) => new Refusal(status, 'scripted'),
      internal: (problem) => new Refusal(500, problem),
    },
  })
  return { ...front, url: `${front.url}${VERSION}`, world }
}

function refusalOf(why: NotAsked): Refusal {
  if (why.kind === 'invalid') return new Malformed(400, why.problem)
  return why.kind === 'unknown' ? new Refusal(404, 'not found') : new Malformed(400, 'the body is no JSON')
}

function tokenOf({ tokens }: World, request: Request): Token {
  const token = tokens.get(/^(?:Bearer|FlyV1) (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '')
  if (token === undefined) throw new Refusal(401, 'unauthorized')
  if (token.readOnly === true && request.method !== 'GET') throw new Refusal(403, 'unauthorized')
  return token
}
