/** What a person's monitoring sees of this server. Nothing in it names a workspace, a person or a repository. */
import { phaseOf, ProviderFault } from '@berth/core'
import type { Clock, Provider, Store } from '@berth/core'
import { VERSION } from '@berth/wire'
import { createRegistry, type Format, type Histogram, type Labels, type Registry, type Sample } from './registry.ts'

export interface Metrics {
  render(format: Format): Promise<string>
  /** An answer to a person's or a program's request. */
  answered(request: { readonly method: string; readonly path: string }, answer: { readonly status: number; readonly seconds: number }): void
  /** The same store, measured. */
  store(store: Store): Store
  /** The same provider, measured. */
  provider(provider: Provider): Provider
  /** What is read when somebody looks. */
  watch(of: { readonly store: Pick<Store, 'listWorkspaces' | 'getWorkspace'>; readonly clock: Clock; links(): number; pending(): number; certificates(): readonly { readonly name: string; readonly notAfter: number | null }[] }): void
}

const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SLOW = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export function createMetrics(): Metrics {
  const registry = createRegistry()
  ofProcess(registry)
  const http = registry.histogram('berth_http_request_seconds', 'Time until an answer began, by what was asked for.', FAST)
  const append = registry.histogram('berth_event_append_seconds', 'Time to store a batch of events of a daemon with its projections.', FAST)
  const events = registry.counter('berth_events_stored', 'Events of daemons that were stored.')
  const calls = registry.histogram('berth_provider_call_seconds', 'Time of calls to providers.', SLOW)
  const faults = registry.counter('berth_provider_faults', 'Calls to providers that were refused, by the kind of refusal.')
  const models = registry.counter('berth_model_requests', 'Requests of agents to models through the gateway.')
  const tokens = registry.counter('berth_model_tokens', 'Tokens of models through the gateway.')
  return {
    render: (format) => registry.render(format),
    answered({ method, path }, { status, seconds }) {
      http.observe({ method: METHODS.has(method) ? method : 'other', route: status === 404 ? 'nothing' : routeOf(path), code: String(status) }, seconds)
    },
    store: (store) => ({
      ...store,
      links: {
        ...store.links,
        async upload(batch, now) {
          const outcome = await timed(append, {}, () => store.links.upload(batch, now))
          events.add({}, batch.entries.length)
          return outcome
        },
      },
      modelUsage: {
        ...store.modelUsage,
        async add(used, now) {
          models.add({ vendor: used.vendor }, used.requests)
          for (const [kind, count] of [['input', used.inputTokens], ['output', used.outputTokens], ['cache_read', used.cacheReadTokens], ['cache_write', used.cacheWriteTokens]] as const) tokens.add({ vendor: used.vendor, kind }, count)
          await store.modelUsage.add(used, now)
        },
      },
    }),
    provider: (provider) => measuredProvider(provider, { calls, faulted: (category) => faults.add({ provider: provider.name, category }) }),
    watch({ store, clock, links, certificates, pending }) {
      registry.gauge('berth_workspaces', 'Workspaces by phase.', () => byPhase(store, clock))
      registry.gauge('berth_links', 'Daemons that are connected to this server.', () => [{ labels: {}, value: links() }])
      registry.gauge('berth_http_requests_pending', 'Requests that are under way, streams among them.', () => [{ labels: {}, value: pending() }])
      registry.gauge('berth_certificate_not_after_seconds', 'When the certificate of a name ends, in seconds since the epoch.', () => certificates().flatMap(({ name, notAfter }) => (notAfter === null ? [] : [{ labels: { name }, value: notAfter / 1000 }])))
    },
  }
}

function ofProcess(registry: Registry): void {
  const startedAt = Date.now() / 1000 - process.uptime()
  registry.gauge('berth_build', 'The version that runs.', () => [{ labels: { version: VERSION }, value: 1 }])
  registry.gauge('process_start_time_seconds', 'Since when the server runs, in seconds since the epoch.', () => [{ labels: {}, value: startedAt }])
  registry.gauge('process_resident_memory_bytes', 'Resident memory of the server.', () => [{ labels: {}, value: process.memoryUsage.rss() }])
  registry.gauge('process_cpu_seconds', 'Processor time of the server since its start.', () => {
    const { user, system } = process.cpuUsage()
    return [{ labels: {}, value: (user + system) / 1e6 }]
  })
}

async function byPhase(store: Pick<Store, 'listWorkspaces'>, clock: Clock): Promise<Sample[]> {
  const counts = new Map<string, number>()
  for (const record of await store.listWorkspaces({ deleted: false })) {
    const { phase } = phaseOf(record, clock.now())
    counts.set(phase, (counts.get(phase) ?? 0) + 1)
  }
  return [...counts].map(([phase, value]) => ({ labels: { phase }, value }))
}

async function timed<T>(histogram: Histogram, labels: Labels, work: () => Promise<T>): Promise<T> {
  const since = performance.now()
  try {
    return await work()
  } finally {
    histogram.observe(labels, (performance.now() - since) / 1000)
  }
}

const MEASURED = ['check', 'examine', 'ensure', 'observe', 'list', 'stop', 'destroy', 'leftovers', 'removeLeftover', 'setEgress'] as const

/** Through a proxy: what is optional of a provider stays absent, and what others add to the port passes. */
function measuredProvider(provider: Provider, { calls, faulted }: { calls: Histogram; faulted(category: string): void }): Provider {
  return new Proxy(provider, {
    get(target, name, receiver) {
      const method = MEASURED.find((known) => known === name)
      const value: unknown = Reflect.get(target, name, receiver)
      if (method === undefined || typeof value !== 'function') return value
      return (...args: unknown[]) => timed(calls, { provider: target.name, method }, async () => {
        try {
          return await (value as (...given: unknown[]) => unknown).apply(target, args)
        } catch (error) {
          faulted(error instanceof ProviderFault ? error.category : 'other')
          throw error
        }
      })
    },
  })
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const ROUTE_LENGTH = 80

/** Without what tells one thing from another: ids, numbers, names in git's paths. */
function routeOf(path: string): string {
  const parts = path.split('/').map((part) => (/^[a-z]{2,4}_|^\d+$|\d.*\d|[^\w.-]|.{25,}/.test(part) ? '{id}' : part))
  return parts.slice(0, 8).join('/').slice(0, ROUTE_LENGTH)
}
