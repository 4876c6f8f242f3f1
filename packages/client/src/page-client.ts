/** The client of a page: the routes of its first minute come with it, those of its rooms when the first of them is asked for. */
import type { routes } from '@berth/wire/routes'
import { away, callOf, type Endpoint } from './calls.ts'
import type { Client } from './client.ts'

type Routes = typeof routes

export function createPageClient(endpoint: Endpoint, atHand: Partial<Routes>, load: () => Promise<Routes>): Client {
  const call = (name: keyof Routes) => async (input?: Record<string, unknown>, signal?: AbortSignal) => {
    const route = atHand[name] ?? (await load().catch((cause: unknown) => { throw away(endpoint, cause) }))[name]
    return callOf(endpoint, route)(input, signal)
  }
  // Asked for by the names of the contract only, which the type says.
  return new Proxy({}, { get: (_, name) => call(name as keyof Routes) }) as Client
}
