/** One operation of the REST API: who asks what, and what is answered. */
import { Refusal } from '../model.ts'
import type { App, Caller, Token } from '../model.ts'
import type { Shapes } from '../shapes.ts'
import type { Asked } from '@berth/sim-spec'
import type { OperationId } from '../spec/operations.ts'
import type { Webhooks } from '../webhooks.ts'
import type { World } from '../world.ts'

export interface Call extends Pick<Asked, 'path' | 'query' | 'body'> { readonly world: World; readonly shapes: Shapes; readonly webhooks: Webhooks; readonly caller: Caller; /** The text of the token itself. */ readonly credential: string }
/** `next`: the query of the next page. */
export interface Answer { readonly status: number; readonly body: unknown; readonly next?: string }
export type Operations = Partial<Record<OperationId, (call: Call) => Answer | Promise<Answer>>>

export const ok = (body: unknown): Answer => ({ status: 200, body })

export function requireApp({ caller }: Call): App {
  if (caller.kind !== 'app') throw new Refusal(401, 'A JSON web token could not be decoded')
  return caller.app
}
export function requireClient({ caller }: Call): App {
  if (caller.kind !== 'client') throw new Refusal(401, 'Bad credentials')
  return caller.app
}
export function requireInstallation({ caller }: Call): Extract<Token, { kind: 'installation' }> {
  if (caller.kind !== 'installation') throw new Refusal(403, 'You must authenticate with an installation access token in order to list repositories for an installation.')
  return caller
}
export function requireUser({ caller }: Call): Extract<Token, { kind: 'user' }> {
  if (caller.kind === 'nobody') throw new Refusal(401, 'Requires authentication')
  if (caller.kind !== 'user') throw new Refusal(403, 'Resource not accessible by integration')
  return caller
}

export function page<T>(all: readonly T[], { query }: Pick<Call, 'query'>): readonly T[] {
  const size = Math.min(100, Number(query['per_page'] ?? 30))
  const at = Number(query['page'] ?? 1)
  return all.slice((at - 1) * size, at * size)
}
