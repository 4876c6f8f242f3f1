/**
 * A Hetzner Cloud on loopback, strict against the published description. `world` says what is there, what it costs, and
 * makes things happen; an answer that the description does not allow is a fault of the simulator and stands in `faulty`.
 */
import { createGuard } from '@berth/sim-spec'
import { Refusal } from './model.ts'
import type { Fault } from './model.ts'
import { OPERATIONS } from './operations.ts'
import type { Answer, Call } from './operations.ts'
import { DESCRIPTION } from './shapes.ts'
import type { OperationId } from './spec/operations.ts'
import { OVERLAYS } from './spec/overlay.ts'
import { createWorld } from './world.ts'
import type { World, WorldOptions } from './world.ts'

export { createContainers } from './containers.ts'
export type { Containers } from './containers.ts'
export type { Backend, Fault, Server, Volume } from './model.ts'
export type { World } from './world.ts'

export interface HetznerSim {
  /** With the version in it: what clients call the endpoint. */
  readonly url: string
  readonly world: World
  /** What it answered against its own description, and what clients asked against it. */
  readonly faulty: readonly string[]
  readonly refused: readonly string[]
  /** The same without a network. */
  fetch(request: Request): Promise<Response>
  close(): Promise<void>
}

const VERSION = '/v1'

export function startHetzner(options: WorldOptions = {}): HetznerSim {
  const world = createWorld(options)
  const guard = createGuard({ description: DESCRIPTION, overlays: OVERLAYS, refusal: 'error_response' })
  const faulty: string[] = []
  const refused: string[] = []
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: served })

  async function served(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const pathname = url.pathname.slice(VERSION.length)
    const fault = takeFault(world.faults, request.method, pathname)
    if (fault?.what.kind === 'refuse') {
      world.asked.push(`${request.method} ${pathname} ${fault.what.status} scripted`)
      return said({ status: fault.what.status, body: refusalBody(fault.what.code, 'scripted') }, fault.what.headers)
    }
    const answer = url.pathname.startsWith(`${VERSION}/`) ? await answered(request, { url, pathname, list: listOf(fault) }) : refusal(new Refusal(404, 'not_found', 'not found'))
    world.asked.push(`${request.method} ${pathname} ${answer.status}`)
    if (fault?.what.kind === 'after') return said({ status: fault.what.status, body: refusalBody('bad_gateway', 'scripted') })
    if (fault?.what.kind === 'lost') return new Response(new ReadableStream({ start(controller) { controller.error(new Error('scripted: the answer is lost')) } }))
    if (fault?.what.kind === 'truncated') return new Response(JSON.stringify(answer.body).slice(0, -20), { status: answer.status, headers: { 'content-type': 'application/json' } })
    const { limit, remaining } = world.rate()
    return said(answer, { 'ratelimit-limit': String(limit), 'ratelimit-remaining': String(remaining), 'ratelimit-reset': String(Math.ceil(world.now() / 1000)) })
  }

  async function answered(request: Request, at: { url: URL; pathname: string; list: Call['list'] }): Promise<Answer> {
    try {
      authorize(world, request)
      world.settle()
      const text = await request.text()
      const matched = guard.match({ method: request.method, url: at.url, pathname: at.pathname, body: text === '' ? undefined : parsed(text) })
      if (matched.kind === 'unknown') throw new Refusal(404, 'not_found', 'not found')
      if (matched.kind === 'invalid') {
        refused.push(`${request.method} ${at.pathname}: ${matched.problem}`)
        throw new Refusal(422, 'invalid_input', matched.problem)
      }
      const { operation, path, query, body } = matched.asked
      const answer = await OPERATIONS[operation.id as OperationId]({ world, path, query, body, list: at.list })
      // Without a duration an action has ended by the time its answer is sent, all but in name.
      world.settle()
      const problem = guard.problemOf(operation, answer.status, answer.body)
      if (problem === null) return answer
      faulty.push(problem)
      return refusal(new Refusal(500, 'server_error', problem))
    } catch (error) {
      if (error instanceof Refusal) return refusal(error)
      faulty.push(String(error))
      return refusal(new Refusal(500, 'server_error', String(error)))
    }
  }

  return { url: `http://127.0.0.1:${server.port}${VERSION}`, world, faulty, refused, fetch: served, close: () => server.stop(true) }
}

function authorize({ tokens }: World, request: Request): void {
  const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
  const may = token === undefined ? undefined : tokens.get(token)
  if (may === undefined) throw new Refusal(401, 'unauthorized', 'unable to authenticate')
  if (may === 'read' && request.method !== 'GET') throw new Refusal(403, 'token_readonly', 'the token is only allowed to perform GET requests')
}

function takeFault(faults: readonly Fault[], method: string, pathname: string): Fault | null {
  const fault = faults.find((each) => each.times > 0 && (each.method ?? method) === method && each.path.test(pathname))
  if (fault === undefined) return null
  fault.times -= 1
  return fault
}

const listOf = (fault: Fault | null): Call['list'] => (fault?.what.kind === 'stale' || fault?.what.kind === 'repeated' ? fault.what.kind : 'whole')
const refusalBody = (code: string, message: string, details: Record<string, unknown> | null = null) => ({ error: { code, message, ...(details === null ? {} : { details }) } })
const refusal = ({ status, code, message, details }: Refusal): Answer => ({ status, body: refusalBody(code, message, details) })
const said = ({ status, body }: Answer, headers: Record<string, string> = {}): Response => (body === null ? new Response(null, { status, headers }) : Response.json(body, { status, headers }))

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'json_error', 'invalid JSON')
  }
}
