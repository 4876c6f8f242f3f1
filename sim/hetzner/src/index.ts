/**
 * A Hetzner Cloud on loopback, strict against the published description. `world` says what is there, what it costs, and
 * makes things happen; an answer that the description does not allow is a fault of the simulator and stands in `faulty`.
 */
import { createGuard, serveDescribed } from '@berth/sim-spec'
import type { NotAsked } from '@berth/sim-spec'
import { byPath, jsonOf, listOf, startFront } from '@berth/sim-vendor'
import type { AskedAtPath, Front, JsonAnswer } from '@berth/sim-vendor'
import { Refusal } from './model.ts'
import type { Fault } from './model.ts'
import { OPERATIONS } from './operations.ts'
import { DESCRIPTION } from './shapes.ts'
import type { OperationId } from './spec/operations.ts'
import { OVERLAYS } from './spec/overlay.ts'
import { createWorld } from './world.ts'
import type { World, WorldOptions } from './world.ts'

export { createContainers } from './containers.ts'
export type { Containers } from './containers.ts'
export type { Backend, Fault, Server, Volume } from './model.ts'
export type { World } from './world.ts'

export interface HetznerSim extends Front { /** With the version in it: what clients call the endpoint. */ readonly url: string; readonly world: World }

const VERSION = '/v1'
/** As the description has it, and not as the world is. */
class Malformed extends Refusal {}

export function startHetzner(options: WorldOptions = {}): HetznerSim {
  const world = createWorld(options)
  const guard = createGuard({ description: DESCRIPTION, overlays: OVERLAYS, refusal: 'error_response' })
  const front = startFront<AskedAtPath, Fault, Refusal, JsonAnswer>(world, {
    ...byPath(VERSION),
    ...jsonOf,
    async answer(request, { asked: { method, url, pathname }, what }) {
      if (!url.pathname.startsWith(`${VERSION}/`)) throw new Refusal(404, 'not_found', 'not found')
      authorize(world, request)
      world.settle()
      return await serveDescribed(guard, { method, url, pathname, text: await request.text() }, {
        refusal: refusalOf,
        async run({ operation, path, query, body }) {
          const answer = await OPERATIONS[operation.id as OperationId]({ world, path, query, body, list: listOf(what) })
          // Without a duration an action has ended by the time its answer is sent, all but in name.
          world.settle()
          return answer
        },
      })
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: (refusal) => refusal instanceof Malformed,
      answer: ({ status, code, message, details }) => ({ status, body: { error: { code, message, ...(details === null ? {} : { details }) } } }),
      scripted: ({ status, code }) => new Refusal(status, code, 'scripted'),
      after: (status) => new Refusal(status, 'bad_gateway', 'scripted'),
      internal: (problem) => new Refusal(500, 'server_error', problem),
    },
    headers() {
      const { limit, remaining } = world.rate()
      return { 'ratelimit-limit': String(limit), 'ratelimit-remaining': String(remaining), 'ratelimit-reset': String(Math.ceil(world.now() / 1000)) }
    },
  })
  return { ...front, url: `${front.url}${VERSION}`, world }
}

function authorize({ tokens }: World, request: Request): void {
  const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
  const may = token === undefined ? undefined : tokens.get(token)
  if (may === undefined) throw new Refusal(401, 'unauthorized', 'unable to authenticate')
  if (may === 'read' && request.method !== 'GET') throw new Refusal(403, 'token_readonly', 'the token is only allowed to perform GET requests')
}

function refusalOf(why: NotAsked): Refusal {
  if (why.kind === 'invalid') return new Malformed(422, 'invalid_input', why.problem)
  return why.kind === 'unknown' ? new Refusal(404, 'not_found', 'not found') : new Refusal(400, 'json_error', 'invalid JSON')
}
