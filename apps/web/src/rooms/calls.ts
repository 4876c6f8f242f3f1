/** The calls of the lazily loaded rooms. The client makes one function for each route the server was built with. */
import type { filesApi } from '@berth/wire/files'
import type { reviewApi } from '@berth/wire/review'
import type { settingsApi } from '@berth/wire/settings'
import { client } from '../state/session.ts'

type RoomsApi = typeof reviewApi & typeof filesApi & typeof settingsApi
type Schema = { '~standard': { types?: { input: unknown; output: unknown } | undefined } }
type Types<S> = S extends Schema ? NonNullable<S['~standard']['types']> : { input: undefined; output: void }
type Call<I, O> = undefined extends I ? (input?: I, signal?: AbortSignal) => Promise<O> : (input: I, signal?: AbortSignal) => Promise<O>
type RoomsClient = { [K in keyof RoomsApi]: Call<Types<NonNullable<RoomsApi[K]['~orpc']['inputSchema']>>['input'], Types<NonNullable<RoomsApi[K]['~orpc']['outputSchema']>>['output']> }

// The client walks the generated routes, which hold these groups; a test of the page calls each of them.
export const rooms = client as unknown as RoomsClient
