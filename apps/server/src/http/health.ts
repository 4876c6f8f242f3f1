/** For who keeps servers running: is it alive, may it be sent requests, what does it do. Nothing else is told to strangers. */
import { CONTENT_TYPES, type Format } from '../metrics/registry.ts'
import type { Metrics } from '../metrics/index.ts'

export interface HealthDeps {
  readonly drain: { readonly draining: boolean }
  /** Asks the database, which was migrated before this server began to listen. */
  databaseNow(): Promise<number>
  readonly metrics: Pick<Metrics, 'render'>
}

const ALIVE_PATH = '/healthz'
const READY_PATH = '/readyz'
export const METRICS_PATH = '/metrics'
/** Whoever asks asks again in some seconds. */
const DATABASE_WITHIN_MS = 2000

/** Null: not one of its paths. */
export function healthRoute(deps: HealthDeps, request: Request, pathname: string): Promise<Response> | Response | null {
  if (request.method !== 'GET' && request.method !== 'HEAD') return null
  if (pathname === ALIVE_PATH) return Response.json({ alive: true })
  return pathname === READY_PATH ? ready(deps) : null
}

/** Of a server whose turn to serve has not come. */
export function standbyRoute(request: Request, pathname: string): Response | null {
  if (request.method !== 'GET' && request.method !== 'HEAD') return null
  if (pathname === ALIVE_PATH) return Response.json({ alive: true })
  return pathname === READY_PATH ? Response.json({ ready: false, checks: { turn: false } }, { status: 503 }) : null
}

async function ready({ drain, databaseNow }: HealthDeps): Promise<Response> {
  const database = await answersInTime(databaseNow)
  // Its listener for machines is open before this one answers, and closes after it.
  const checks = { database, migrations: true, links: !drain.draining, accepting: !drain.draining }
  const isReady = Object.values(checks).every(Boolean)
  return Response.json({ ready: isReady, checks }, { status: isReady ? 200 : 503 })
}

async function answersInTime(databaseNow: () => Promise<number>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => { timer = setTimeout(() => resolve(false), DATABASE_WITHIN_MS) })
  try {
    return await Promise.race([databaseNow().then(() => true, () => false), late])
  } finally {
    clearTimeout(timer)
  }
}

export async function metricsAnswer({ metrics }: Pick<HealthDeps, 'metrics'>, request: Request): Promise<Response> {
  const format: Format = (request.headers.get('accept') ?? '').includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus'
  return new Response(await metrics.render(format), { headers: { 'content-type': CONTENT_TYPES[format] } })
}
