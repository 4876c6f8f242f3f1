/** The providers of this server by name, whether they answer, and which one is meant when nobody says. */
import { isPassing, ProviderFault } from '@berth/core'
import type { Provider, ProviderCheck } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ProviderRegistry } from './deps.ts'
import { messageOf } from '../thrown.ts'

/** An engine that hangs must not hang a request. */
const CHECK_WITHIN_MS = 5000
/** One bad answer of a vendor is not its last word. */
const LOOKS = 3
const BETWEEN_LOOKS_MS = 200
/** A burst of requests asks each provider once. */
const REMEMBER_MS = 3000

export interface RegistryOptions {
  readonly withinMs?: number
  readonly rememberMs?: number
  /** What a person chose; before `preferred`, which the configuration says. */
  readonly chosen?: () => Promise<string | null>
}

export function createProviderRegistry(providers: readonly Provider[], preferred: string | null, { withinMs = CHECK_WITHIN_MS, rememberMs = REMEMBER_MS, chosen = async () => null }: RegistryOptions = {}): ProviderRegistry {
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
    const fresh = look(provider, limit).catch(async (error: unknown): Promise<ProviderCheck> => {
      const before = await known?.check
      // On a busy machine a look takes long, which says nothing of the provider, nor does a hiccup: what was seen last stands.
      if ((limit.aborted || isPassing(error)) && before?.ok === true) return before
      return { ok: false, isolation: 'none', detail: limit.aborted ? `did not answer within ${withinMs / 1000} s` : messageOf(error), hint: error instanceof ProviderFault ? error.hint : null }
    })
    remembered.set(name, { at: performance.now(), check: fresh })
    return fresh
  }

  const defaultName = async (): Promise<string> => {
    const wanted = await chosen()
    // It may be gone since then.
    if (wanted !== null && providers.some(({ name }) => name === wanted)) return wanted
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
      return Promise.all(providers.map(async ({ name, unverifiedLive }) => {
        const { ok, isolation, detail, hint, images, can } = await check(name)
        return { name, status: ok ? ('ready' as const) : ('unavailable' as const), default: name === chosen, isolation, detail: unverifiedLive === true ? `${detail} (unverified live)` : detail, hint, ...(images === undefined ? {} : { images }), can: [...can ?? []] }
      }))
    },
  }
}

async function look(provider: Provider, limit: AbortSignal): Promise<ProviderCheck> {
  for (let looks = 1; ; looks++) {
    try {
      return await provider.check(limit)
    } catch (error) {
      if (looks === LOOKS || limit.aborted || !isPassing(error)) throw error
      await Bun.sleep(BETWEEN_LOOKS_MS)
    }
  }
}
