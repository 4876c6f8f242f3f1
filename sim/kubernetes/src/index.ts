/**
 * A Kubernetes cluster on loopback: the API server's ways with objects, the controllers that a workspace needs, roles,
 * quotas and the Pod Security admission. `world` says what stands, and makes things happen.
 */
import { byPath, jsonOf, listOf, startFront } from '@berth/sim-vendor'
import type { AskedAtPath, Front, ListAs } from '@berth/sim-vendor'
import { authenticate } from './access.ts'
import { answered, parse } from './api.ts'
import type { Answer, Pages } from './api.ts'
import { discovered } from './discovery.ts'
import { Refusal } from './model.ts'
import type { Fault, Json } from './model.ts'
import { createJudge } from './schemas.ts'
import type { Judge } from './schemas.ts'
import type { Tls } from './tls.ts'
import { watched } from './watch.ts'
import { createWorld } from './world.ts'
import type { World, WorldOptions } from './world.ts'

export { admin, serviceAccount } from './access.ts'
export { createContainers } from './containers.ts'
export type { Backend } from './cluster.ts'
export { kubeconfig } from './kubeconfig.ts'
export type { Fault, Pod, PodSpec, Thing } from './model.ts'
export { lets } from './network-policy.ts'
export { violations } from './pod-security.ts'
export { createTls } from './tls.ts'
export type { Tls } from './tls.ts'
export type { World } from './world.ts'

export interface KubernetesSim extends Front { readonly world: World }
export interface KubernetesOptions extends WorldOptions {
  /** Absent: plain HTTP. */
  readonly tls?: Tls
}

/** Compiled once a process: it takes a second. */
let judge: Judge | null = null

const MALFORMED = new Set([400, 415, 422])

export function startKubernetes({ tls, ...options }: KubernetesOptions = {}): KubernetesSim {
  judge ??= createJudge()
  const deps: Deps = { world: createWorld(options), judge, pages: new Map() }
  const { world } = deps
  const front = startFront<AskedAtPath, Fault, Refusal, Answer>(world, {
    ...byPath(),
    nameOf: ({ method, url }) => `${method} ${url.pathname}${url.search}`,
    answer: (request, { asked: { url }, what }) => answerTo(deps, request, { url, list: listOf(what) }),
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: ({ status }) => MALFORMED.has(status),
      answer: statusOf,
      scripted: ({ status, reason, message = 'scripted', headers = {} }) => new Refusal(status, reason, message, { headers }),
      after: (status) => new Refusal(status, 'InternalError', 'scripted'),
      internal: (problem) => new Refusal(500, 'InternalError', problem),
    },
    contentType: jsonOf.contentType,
    textOf: (answer) => ('body' in answer ? jsonOf.textOf(answer) : ''),
    said(answer, request, headers) {
      if ('watch' in answer) return watched(world, answer.watch, request.signal)
      if ('text' in answer) return new Response(answer.text, { headers: { 'content-type': 'text/plain' } })
      return jsonOf.said(answer, request, headers)
    },
  }, { tls: tls && { cert: tls.cert, key: tls.key, ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }) } })
  return { ...front, world }
}

interface Deps { readonly world: World; readonly judge: Judge; readonly pages: Pages }

async function answerTo(deps: Deps, request: Request, { url, list }: { url: URL; list: ListAs }): Promise<Answer> {
  const { world, judge: judges, pages } = deps
  const user = authenticate(world.tokens, request)
  const about = request.method === 'GET' ? discovered(world.resources, url.pathname) : null
  if (about !== null) return { status: 200, body: about }
  const target = parse(world.resources, url.pathname)
  if (target === null) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource')
  world.settle()
  const contentType = request.headers.get('content-type') ?? ''
  const answer = await answered({ world, judge: judges, user, method: request.method, query: url.searchParams, contentType, body: parsed(await request.text(), contentType), list, pages }, target)
  world.settle()
  const problem = 'body' in answer ? problemOf(judges, target.resource.model, answer.body) : null
  if (problem !== null) throw new Error(problem)
  return answer
}

/** Of what is answered: an object, or each of a list. */
function problemOf(judges: Judge, model: string, body: unknown): string | null {
  const { kind, items } = body as { kind?: string; items?: readonly unknown[] }
  if (kind === 'Status' || kind === 'Scale') return null
  return (items ?? [body]).map((item) => judges(model, item)).find((problem) => problem !== null) ?? null
}

function statusOf({ status, reason, message, details, headers }: Refusal): { status: number; body: Record<string, unknown> } {
  const retry: Record<string, Json> = headers['retry-after'] === undefined ? {} : { retryAfterSeconds: Number(headers['retry-after']) }
  return { status, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code: status, ...(details === null && Object.keys(retry).length === 0 ? {} : { details: { ...details, ...retry } }) } }
}

function parsed(text: string, contentType: string): unknown {
  if (text === '') return undefined
  if (contentType !== '' && !contentType.includes('json')) throw new Refusal(415, 'UnsupportedMediaType', `the simulator takes JSON alone, not ${contentType}`)
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized (must be of type JSON)')
  }
}
