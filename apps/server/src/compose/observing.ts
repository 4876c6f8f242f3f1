/** What watches this server from outside: metrics, and a listener of their own where a person named one. */
import { BerthError } from '@berth/wire'
import { metricsAnswer, METRICS_PATH } from '../http/health.ts'
import { listen } from '../http/listen.ts'
import type { Metrics } from '../metrics/index.ts'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config.ts'

const IDLE_S = 30

/** Told to whoever reaches it: on loopback, or in a network of one's own. */
export function listenForMetrics(metrics: Pick<Metrics, 'render'>, { config, closers, log }: { config: Pick<ServerConfig, 'metrics'>; closers: Closers; log: (line: string) => void }): void {
  const where = config.metrics?.listen
  if (where === undefined) return
  const at = where.lastIndexOf(':')
  const [hostname, port] = [where.slice(0, at).replace(/^\[|\]$/g, ''), Number(where.slice(at + 1))]
  if (port > 65_535) throw new BerthError('config_invalid', `metrics.listen ${where} is no address`, { hint: 'give it as 127.0.0.1:9464' })
  const listener = listen({
    hostname, port, idleSeconds: IDLE_S, mayIdle: () => false, maxBodyBytes: 1024,
    fetch: (request) => (new URL(request.url).pathname === METRICS_PATH && request.method === 'GET' ? metricsAnswer({ metrics }, request) : new Response('there is /metrics here\n', { status: 404 })),
  })
  closers.add('the metrics listener', () => listener.stop())
  log(`metrics on ${listener.url}${METRICS_PATH}`)
}
