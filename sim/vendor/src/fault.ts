/** What a test makes go wrong with a vendor. */

/** `Refused`: what a refusal of the vendor says beside its status. */
export type Wrong<Refused = object> =
  /** It does not happen. */
  | { readonly kind: 'refuse'; readonly status: number; readonly headers?: Record<string, string> } & Refused
  /** It happens, and the client never hears of it. */
  | { readonly kind: 'lost' }
  /** It happens, and a proxy says it did not. */
  | { readonly kind: 'after'; readonly status: number }
  /** It happens, and the answer breaks off. */
  | { readonly kind: 'truncated' }
  /** Lists without their newest entries, as a copy that lags behind has them. */
  | { readonly kind: 'stale' }
  /** The first page again and again. */
  | { readonly kind: 'repeated' }

/** For the next `times` requests that it means. */
export interface Fault<What> {
  times: number
  readonly what: What
}
/** Means what is asked at such a path, in this way or in any. */
export interface PathFault<What> extends Fault<What> {
  readonly method?: string
  readonly path: RegExp
}

/** A list as it stands, one that lags behind, or one that is stuck at its first page. */
export type ListAs = 'whole' | 'stale' | 'repeated'

export const listOf = (what: { readonly kind: string } | null): ListAs => (what?.kind === 'stale' || what?.kind === 'repeated' ? what.kind : 'whole')

export function takeFault<F extends Fault<unknown>>(faults: readonly F[], isMeant: (fault: F) => boolean): F | null {
  const fault = faults.find((each) => each.times > 0 && isMeant(each))
  if (fault === undefined) return null
  fault.times -= 1
  return fault
}
