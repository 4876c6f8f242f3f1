/** Buys an instance wherever one is free. */
import { ProviderFault } from '@berth/core'
import { isRefusal } from './client.ts'
import type { Deps } from './deps.ts'
import { instanceIn, type Instance } from './machine.ts'
import type { Place } from './region.ts'
import type { Parameters } from './signed.ts'
import { itemsOf } from './xml.ts'

/** The vendor's limit, of what is not encoded yet. */
export const USER_DATA_LIMIT = 16 * 1024
/** Of sizes that are tried when the cheapest are not free. */
const SIZES_AT_MOST = 4

export interface Doing { readonly signal: AbortSignal; readonly log?: (line: string) => void }

/** The first that is free, of each size in each place. Null: it was bought a moment ago, and lists do not have it yet. */
export async function bought(deps: Deps, { sizes, places }: { sizes: readonly { readonly name: string }[]; places: readonly Place[] }, asked: (where: { type: string; place: Place }) => Parameters, { signal, log }: Doing): Promise<Instance | null> {
  let full: unknown = new ProviderFault('unsupported', `none of the instance types that Berth buys is offered in ${deps.options.region}`, { hint: 'name types with `berth provider setup ec2 --instance-type`' })
  for (const { name } of sizes.slice(0, SIZES_AT_MOST)) {
    for (const place of places) {
      try {
        log?.(`buying a ${name} in ${place.zone}`)
        const answer = await deps.api.call('RunInstances', { parameters: asked({ type: name, place }), what: 'making the instance' }, signal)
        const [made] = itemsOf(answer, 'instancesSet').map(instanceIn)
        return made ?? null
      } catch (error) {
        if (isRefusal(error, 'IdempotentParameterMismatch')) return null
        if (!(error instanceof ProviderFault) || error.category !== 'capacity') throw error
        log?.(`no ${name} is free in ${place.zone}`)
        full = error
      }
    }
  }
  throw full
}
