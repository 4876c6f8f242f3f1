/**
 * The leak control without a server and without what it knew: whatever carries an installation's marks is shown, and
 * removed when a person says so. What is foreign or ambiguous is not even shown.
 */
import { chargedAs, priceOf, type Price } from '../cost/charge.ts'
import type { Leftover, Machine, Owner, Provider } from '../ports/provider.ts'

export interface Found {
  readonly key: string
  readonly provider: string
  readonly kind: string
  readonly name: string
  readonly owner: Owner
  /** As its provider says it; null of what is no machine. */
  readonly state: string | null
  readonly createdAt: number
  /** Null: nobody could say. */
  readonly price: Price | null
}
export interface LookedAt { readonly found: readonly Found[]; readonly complete: boolean; readonly missing: readonly string[] }
export interface AloneDeps { wait(ms: number, signal: AbortSignal): Promise<void>; now(): number }

/** A machine that goes takes some minutes at a slow vendor. */
const GONE_WITHIN_MS = 10 * 60_000
const LEAST_WAIT_MS = 50

export async function lookAlone(provider: Provider, installation: string, signal: AbortSignal): Promise<LookedAt> {
  const machines = await provider.list(installation, signal)
  const leftovers = await provider.leftovers(installation, signal)
  return {
    found: [...machines.items.flatMap((machine) => foundMachine(provider.name, machine, installation)), ...leftovers.items.flatMap((leftover) => foundLeftover(provider.name, leftover, installation))],
    complete: machines.complete && leftovers.complete, missing: [...new Set([...machines.missing, ...leftovers.missing])],
  }
}

const isOf = (owner: Machine['owner'], installation: string): owner is Owner => typeof owner === 'object' && owner.installation === installation

function foundMachine(provider: string, { owner, observed, createdAt, quote }: Machine, installation: string): Found[] {
  if (!isOf(owner, installation) || observed.state === 'absent') return []
  const state = chargedAs(observed)
  return [{
    key: keyOf(provider, 'machine', owner, ''), provider, kind: 'machine', name: `${owner.workspaceId} g${owner.generation}`, owner, state: observed.state, createdAt,
    price: quote === undefined || state === 'none' ? null : priceOf(quote, state),
  }]
}

function foundLeftover(provider: string, { owner, kind, name, createdAt }: Leftover, installation: string): Found[] {
  return isOf(owner, installation) ? [{ key: keyOf(provider, kind, owner, name), provider, kind, name, owner, state: null, createdAt, price: null }] : []
}

const keyOf = (provider: string, kind: string, owner: Owner, name: string): string => [provider, owner.installation, owner.workspaceId, owner.generation, kind, name].join('/')

/** Its provider reads once more whose it is, right before. Gone already is done. */
export async function removeAlone(deps: AloneDeps, { provider, found }: { provider: Provider; found: Found }, signal: AbortSignal): Promise<void> {
  const { owner, kind, name, createdAt } = found
  if (kind !== 'machine') return provider.removeLeftover({ kind, name, owner, createdAt }, signal)
  const until = deps.now() + GONE_WITHIN_MS
  let poll: Readonly<Record<string, unknown>> | undefined
  for (;;) {
    const step = await provider.destroy(owner, { signal, ...(poll === undefined ? {} : { poll }) })
    if (step.done) return
    if (deps.now() > until) throw new Error(`${name} is not gone after ${GONE_WITHIN_MS / 60_000} minutes: ${step.detail}`)
    poll = step.poll
    await deps.wait(Math.max(step.afterMs, LEAST_WAIT_MS), signal)
  }
}
