/** The providers of this server by name, whether they answer, and which one is meant when nobody says. */
import type { Provider, ProviderCheck } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ProviderRegistry } from './deps.ts'

/** An engine that hangs must not hang a request. */
const CHECK_WITHIN_MS = 5000
/** A burst of requests asks each provider once. */
const REMEMBER_MS = 3000

export function createProviderRegistry(providers: readonly Provider[], preferred: string | null, { withinMs = CHECK_WITHIN_MS, rememberMs = REMEMBER_MS } = {}): ProviderRegistry {
  const remembered = new Map<string, { at: number; check: Promise<ProviderCheck> }>()

  const get = (name: string): Provider => {
    const found = providers.find((provider) => provider.name === name)
    if (found) return found
    throw new BerthError('provider_unknown', `there is no provider ${JSON.stringify(name)}`, { hint: `providers here: ${providers.map((provider) => provider.name).join(', ')}` })
  }

  const check = (name: string): Promise<ProviderCheck> => {
    const provider = get(name)
    const known = remembered.get(name)
    // Only a cache: the monotonic clock suffices.
    if (known && performance.now() - known.at < rememberMs) return known.check
    const limit = AbortSignal.timeout(withinMs)
    const fresh = provider.check(limit).catch(async (error: unknown): Promise<ProviderCheck> => {
      const before = await known?.check
      // On a busy machine a look takes long, which says nothing of the provider: what was seen last stands.
      if (limit.aborted && before?.ok === true) return before
      return { ok: false, isolation: 'none', detail: limit.aborted ? `did not answer within ${withinMs / 1000} s` : error instanceof Error ? error.message : String(error), hint: null }
    })
    remembered.set(name, { at: performance.now(), check: fresh })
    return fresh
  }

  const defaultName = async (): Promise<string> => {
    if (preferred !== null) return get(preferred).name
    for (const { name } of providers) if ((await check(name)).ok) return name
    throw new BerthError('provider_unavailable', 'no provider is ready', { hint: 'see `berth provider list`' })
  }

  return {
    get,
    all: () => providers,
    check,
    defaultName,
    async infos() {
      const chosen = await defaultName().catch(() => null)
      return Promise.all(providers.map(async ({ name }) => {
        const { ok, isolation, detail, hint, images, can } = await check(name)
        return { name, status: ok ? ('ready' as const) : ('unavailable' as const), default: name === chosen, isolation, detail, hint, ...(images === undefined ? {} : { images }), can: [...can ?? []] }
      }))
    },
  }
}
