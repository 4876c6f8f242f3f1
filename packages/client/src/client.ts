/**
 * The API as functions: `client.stopWorkspace({ id })`. Typed by the contract, driven by the generated route map:
 * nothing is parsed here, the server checked what it sends.
 */
import type { Api } from '@berth/wire/api'
import { routes } from '@berth/wire/routes'
import { callOf, type Endpoint } from './calls.ts'

type Schema = { '~standard': { types?: { input: unknown; output: unknown } | undefined } }
type Types<S> = S extends Schema ? NonNullable<S['~standard']['types']> : { input: undefined; output: void }
type Definition<K extends keyof Api> = Api[K]['~orpc']
export type Input<K extends keyof Api> = Types<NonNullable<Definition<K>['inputSchema']>>['input']
export type Output<K extends keyof Api> = Types<NonNullable<Definition<K>['outputSchema']>>['output']

type Call<I, O> = undefined extends I ? (input?: I, signal?: AbortSignal) => Promise<O> : (input: I, signal?: AbortSignal) => Promise<O>
export type Client = { [K in keyof Api]: Call<Input<K>, Output<K>> }

export function createClient(endpoint: Endpoint): Client {
  // One function for each name of the contract; a test walks them.
  return Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, callOf(endpoint, route)])) as unknown as Client
}
