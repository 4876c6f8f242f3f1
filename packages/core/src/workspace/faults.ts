/** What a refusal of the world means for a workspace: a failure people read, or another try later. */
import { BerthError, type ErrorCode } from '@berth/wire'
import { ProviderFault, type FaultCategory } from '../ports/provider.ts'
import { MAX_STARTS, type Refusal } from './decide.ts'

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 30_000

/** `never`: asking again changes nothing. `some`: a hiccup. `long`: until the deadline of the whole start. */
type Patience = 'never' | 'some' | 'long'
const PLAN: Record<FaultCategory, { code: ErrorCode; patience: Patience; hint: string }> = {
  capacity: { code: 'capacity', patience: 'long', hint: 'it is tried again until the start times out; or choose a smaller size' },
  quota: { code: 'quota', patience: 'never', hint: 'delete workspaces you no longer need, or raise the limit' },
  rate: { code: 'provider_unavailable', patience: 'long', hint: 'the provider asked to slow down' },
  auth: { code: 'provider_unavailable', patience: 'never', hint: 'check the provider\'s credentials with `berth doctor`' },
  invalid: { code: 'config_invalid', patience: 'never', hint: 'check the image and the size that were asked for' },
  conflict: { code: 'conflict', patience: 'some', hint: 'see `berth doctor`' },
  not_found: { code: 'not_found', patience: 'never', hint: 'check that the image exists' },
  transient: { code: 'provider_unavailable', patience: 'some', hint: 'check that the provider runs with `berth doctor`' },
  unsupported: { code: 'provider_unsupported', patience: 'never', hint: 'choose another provider with --provider' },
  image: { code: 'image_unsupported', patience: 'never', hint: 'choose another image with --image' },
  no_space: { code: 'no_space', patience: 'never', hint: 'make room on the disk, then `berth start`' },
  unknown: { code: 'provider_unavailable', patience: 'some', hint: 'see `berth doctor`' },
}

/** A hiccup of the vendor's, which says nothing of whether it can be used. */
export const isPassing = (error: unknown): boolean => error instanceof ProviderFault && (error.category === 'transient' || error.category === 'rate')

export interface FaultPlan { readonly refusal: Refusal; readonly patience: Patience; readonly retryAfterMs: number | null }

export function planOf(error: unknown): FaultPlan {
  if (error instanceof ProviderFault) {
    const { code, patience, hint } = PLAN[error.category]
    return { refusal: { code, message: error.message, hint: error.hint || hint }, patience, retryAfterMs: error.retryAfterMs }
  }
  if (error instanceof BerthError) {
    const passing = error.code === 'provider_unavailable' || error.code === 'timeout' || error.code === 'database_unavailable' || error.code === 'internal'
    return { refusal: { code: error.code, message: error.message, hint: error.hint ?? null }, patience: passing ? 'some' : 'never', retryAfterMs: null }
  }
  // A bug or an aborted call. The message may hold anything, so people get the log, not the text.
  return { refusal: { code: 'internal', message: 'the provider call broke off', hint: 'see `berth server logs`' }, patience: 'some', retryAfterMs: null }
}

/** 1, 2, 4 … 30 s. The next tick is the retry; nothing waits in memory. */
export function backoffMs(attempts: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 10))
}

export type FaultOutcome = { readonly do: 'fail'; readonly refusal: Refusal } | { readonly do: 'retry'; readonly inMs: number }

/** `attempts` counts this one. `mayFail` false: getting rid of a machine, and looking at one that works, is tried for ever. */
export function afterFault(plan: FaultPlan, at: { attempts: number; mayFail: boolean; worked: boolean }): FaultOutcome {
  const again: FaultOutcome = { do: 'retry', inMs: Math.max(plan.retryAfterMs ?? 0, backoffMs(at.attempts)) }
  if (!at.mayFail) return again
  if (plan.patience === 'never') return { do: 'fail', refusal: plan.refusal }
  if (plan.patience === 'some' && !at.worked && at.attempts >= MAX_STARTS) return { do: 'fail', refusal: plan.refusal }
  return again
}
