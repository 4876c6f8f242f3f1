/**
 * A GitHub on loopback: pages, REST API and git, strict against GitHub's own description. `world` says what is there and
 * makes things happen; an answer that the description does not allow is a fault of the simulator and stands in `faulty`.
 */
import { serveDescribed } from '@berth/sim-spec'
import { callerOf } from './identity.ts'
import { isGitPath, serveGit } from './git-http.ts'
import { answerGraphQL } from './graphql.ts'
import { createHappenings } from './happenings.ts'
import type { Happenings } from './happenings.ts'
import { Refusal } from './model.ts'
import type { Caller, Fault } from './model.ts'
import { appOperations } from './rest/apps.ts'
import type { Answer, Operations } from './rest/operation.ts'
import { pullOperations } from './rest/pulls.ts'
import { repositoryOperations } from './rest/repositories.ts'
import { createShapes } from './shapes.ts'
import { createGitHubGuard } from './spec/description.ts'
import type { OperationId } from './spec/operations.ts'
import { servePage } from './web.ts'
import { createWebhooks } from './webhooks.ts'
import type { Webhooks } from './webhooks.ts'
import { createWorld } from './world.ts'
import type { World } from './world.ts'

export type { App, Check, Installation, Permissions, Repository } from './model.ts'
export type { World } from './world.ts'

export interface GitHubSim {
  readonly url: string
  /** Where a GitHub of one's own has its API. */
  readonly apiUrl: string
  readonly world: World
  readonly webhooks: Webhooks
  /** Things that people and machines do there, told to the apps. */
  readonly happen: Happenings
  /** What it answered against its own description, and what clients asked against it. */
  readonly faulty: readonly string[]
  readonly refused: readonly string[]
  close(): Promise<void>
}

const API = '/api/v3'
const GRAPHQL = '/api/graphql'
const OPERATIONS: Operations = { ...appOperations, ...repositoryOperations, ...pullOperations }
const DOCUMENTATION = 'https://docs.github.com/rest'

/** `root`: an empty directory for the repositories; the caller removes it. `hostname`: any of this machine's own. */
export function startGitHub({ root, hostname = '127.0.0.1', deviceIntervalS = 5 }: { root: string; hostname?: string; deviceIntervalS?: number }): GitHubSim {
  const world = createWorld(root)
  const guard = createGitHubGuard()
  const webhooks = createWebhooks(world)
  const faulty: string[] = []
  const refused: string[] = []
  const server = Bun.serve({ port: 0, hostname, idleTimeout: 0, fetch: served })
  const url = `http://${hostname}:${server.port}`
  const shapes = createShapes({ web: url, api: `${url}${API}` })

  const happen = createHappenings({ world, shapes, webhooks, judge(name, payload) {
    const problem = guard.problemOfPayload(name, payload)
    if (problem !== null) faulty.push(problem)
  } })

  async function served(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const fault = takeFault(world, request.method, pathname)
    if (fault !== null && fault.answer !== 'lost') return refusal(fault.answer.status, fault.answer.message ?? 'scripted', {}, fault.answer.headers)
    const response = await answered(request, pathname)
    world.asked.push(`${request.method} ${pathname} ${response.status}`)
    return fault === null ? response : lost()
  }

  async function answered(request: Request, pathname: string): Promise<Response> {
    try {
      if (pathname === GRAPHQL && request.method === 'POST') return await graphql(request)
      if (pathname.startsWith(`${API}/`)) return await rest(request, pathname.slice(API.length))
      if (isGitPath(pathname)) return await serveGit(world, request, (fullName, branch, before) => void happen.pushed(fullName, branch, before))
      return (await servePage(world, request, { deviceIntervalS })) ?? new Response('Not Found', { status: 404 })
    } catch (error) {
      if (error instanceof Refusal) return refusal(error.status, error.message, error.extra)
      faulty.push(String(error))
      return refusal(500, String(error))
    }
  }

  async function graphql(request: Request): Promise<Response> {
    const { body, problem } = await answerGraphQL({ world, caller: callerOf(world, request.headers.get('authorization')), web: url }, parsed(await request.text()))
    if (problem !== null) refused.push(`POST ${GRAPHQL}: ${problem}`)
    return Response.json(body)
  }

  async function rest(request: Request, pathname: string): Promise<Response> {
    if ((request.headers.get('user-agent') ?? '') === '') throw new Refusal(403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.')
    const authorization = request.headers.get('authorization')
    const caller: Caller = callerOf(world, authorization)
    const answer = await serveDescribed(guard, { method: request.method, url: new URL(request.url), pathname, text: await request.text() }, {
      refusal(why) {
        if (why.kind !== 'invalid') return why.kind === 'unknown' ? new Refusal(404, 'Not Found') : notJson()
        refused.push(`${request.method} ${pathname}: ${why.problem}`)
        return new Refusal(422, `not as described: ${why.problem}`)
      },
      run: ({ operation, path, query, body }) => performed(operation.id, { world, shapes, webhooks, caller, credential: authorization?.split(' ')[1] ?? '', path, query, body }),
    })
    const headers = { 'x-github-request-id': String(world.nextId()), 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4999', ...(answer.next === undefined ? {} : { link: `<${url}${API}${pathname}?${answer.next}>; rel="next"` }) }
    return answer.body === null ? new Response(null, { status: answer.status, headers }) : Response.json(answer.body, { status: answer.status, headers })
  }

  return { url, apiUrl: `${url}${API}`, world, webhooks, happen, faulty, refused, close: () => server.stop(true) }
}

/** `id`: as the guard found it in the description. */
async function performed(id: string, call: Parameters<NonNullable<Operations[keyof Operations]>>[0]): Promise<Answer> {
  const perform = OPERATIONS[id as OperationId]
  if (perform === undefined) throw new Error(`${id} is described and not played`)
  try {
    return await perform(call)
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, body: refusalBody(error.message, error.extra) }
    throw error
  }
}

function takeFault({ faults }: World, method: string, pathname: string): Fault | null {
  const fault = faults.find((each) => each.times > 0 && (each.method ?? method) === method && each.path.test(pathname))
  if (fault === undefined) return null
  fault.times -= 1
  return fault
}

/** The head, and then nothing: what was done stays done. */
const lost = (): Response => new Response(new ReadableStream({ start(controller) { controller.error(new Error('scripted: the answer is lost')) } }))
const refusalBody = (message: string, extra: Record<string, unknown> = {}): Record<string, unknown> => ({ message, documentation_url: DOCUMENTATION, ...extra })
const refusal = (status: number, message: string, extra: Record<string, unknown> = {}, headers: Record<string, string> = {}): Response => Response.json(refusalBody(message, extra), { status, headers })

const notJson = (): Refusal => new Refusal(400, 'Problems parsing JSON')

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}
