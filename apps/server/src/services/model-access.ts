/** Keys of model vendors, and what may be used of them. A key goes in and never comes out. */
import type { Identity } from '@berth/core'
import { BerthError } from '@berth/wire'
import { MODEL_VENDORS, type modelAccessApi, type ModelBudget, type ModelKey } from '@berth/wire/model-access'
import type { z } from 'zod'
import type { ServiceDeps } from './deps.ts'

type InputOf<K extends keyof typeof modelAccessApi> = z.infer<NonNullable<(typeof modelAccessApi)[K]['~orpc']['inputSchema']>>
type Deps = Pick<ServiceDeps, 'store' | 'clock'>

const addressOf = (vendor: ModelKey['vendor'], given: string | undefined): string => (given ?? MODEL_VENDORS[vendor].baseUrl).replace(/\/+$/, '')

export async function putModelKey(deps: Deps, by: Identity, { vendor, key, baseUrl, limitMicros }: InputOf<'putModelKey'>): Promise<ModelKey> {
  return deps.store.modelKeys.put({ orgId: by.orgId, vendor, key, limitMicros, baseUrl: addressOf(vendor, baseUrl) }, deps.clock.now())
}
export async function addModelFallback(deps: Deps, by: Identity, { vendor, name, key, login, baseUrl, personal }: InputOf<'addModelFallback'>): Promise<ModelKey> {
  const secret = key ?? login
  if (secret === undefined) throw new BerthError('bad_request', 'a key or a login')
  return deps.store.modelKeys.putFurther({ orgId: by.orgId, vendor, name, userId: personal ? by.userId : null, baseUrl: addressOf(vendor, baseUrl), key: secret }, deps.clock.now())
}
/** `name` null: the first one. */
export async function removeModelKey(deps: Deps, by: Identity, { vendor, name }: { vendor: ModelKey['vendor']; name: string | null }): Promise<{ removed: boolean }> {
  const removed = name === null ? await deps.store.modelKeys.remove(by.orgId, vendor) : await deps.store.modelKeys.removeFurther(by.orgId, vendor, name)
  return { removed }
}
export async function setModelBudget(deps: Deps, by: Identity, { scope, subject, softMicros, hardMicros }: InputOf<'setModelBudget'>): Promise<ModelBudget[]> {
  const of = scope === 'organisation' ? by.orgId : subject ?? (scope === 'user' ? by.userId : undefined)
  if (of === undefined) throw new BerthError('bad_request', 'which workspace?', { hint: 'give its id' })
  await deps.store.modelBudgets.put(by.orgId, { scope, subject: of, softMicros, hardMicros }, deps.clock.now())
  return deps.store.modelBudgets.list(by.orgId, deps.clock.now())
}
