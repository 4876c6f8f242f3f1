/** A close look at a provider, which is kept, and which one is meant when nobody names one. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Provider, ProviderFinding, Quote } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ProviderInfo } from '@berth/wire/api'
import type { ProviderReport } from '@berth/wire/cost'
import { MACHINE_SIZES } from '@berth/wire/sizes'
import { hintOf, messageOf } from '../thrown.ts'
import { quoteOf } from './costs.ts'
import type { ServiceDeps } from './deps.ts'

const WITHIN_MS = 30_000

export async function checkProvider({ providers, store, clock }: Pick<ServiceDeps, 'providers' | 'store' | 'clock'>, name: string, home: string): Promise<ProviderReport> {
  const provider = providers.get(name)
  const signal = AbortSignal.timeout(WITHIN_MS)
  const { ok, detail, hint } = await provider.check(signal).catch((error: unknown) => ({ ok: false, detail: messageOf(error), hint: null }))
  const findings: ProviderFinding[] = [{ level: ok ? 'ok' : 'error', code: 'answers', message: detail, hint: ok ? null : hint }, ...tokenFile(home, name)]
  if (ok && hint !== null) findings.push({ level: 'warning', code: 'advice', message: hint, hint: null })
  if (ok && provider.examine !== undefined) findings.push(...await provider.examine(signal).catch((error: unknown): ProviderFinding[] => [{ level: 'error', code: 'examined', message: messageOf(error), hint: hintOf(error) }]))
  const prices = ok ? await pricesOf(provider, signal) : []
  const isOwn = provider.isOwn === true || prices.length > 0 && prices.every(({ quote }) => quote.runningMicrosPerHour === 0)
  const report: ProviderReport = {
    name, ok: ok && findings.every(({ level }) => level !== 'error'), detail, checkedAt: clock.now(),
    live: provider.unverifiedLive === true ? 'unverified' : isOwn || !ok ? 'own' : 'verified', findings,
    prices: prices.map(({ memoryBytes, cpus, quote: { currency, runningMicrosPerHour, stoppedMicrosPerHour, note } }) => ({ memoryBytes, cpus, currency, runningMicrosPerHour, stoppedMicrosPerHour, note })),
  }
  await store.providerNotes.keepReport(report)
  return report
}

/** With what the last close look at each said. */
export async function listProviders({ providers, store }: Pick<ServiceDeps, 'providers' | 'store'>): Promise<ProviderInfo[]> {
  return Promise.all((await providers.infos()).map(async (info) => {
    const report = await store.providerNotes.report(info.name)
    return report === null ? info : { ...info, checked: { at: report.checkedAt, ok: report.ok, warnings: report.findings.filter(({ level }) => level === 'warning').length } }
  }))
}

async function pricesOf(provider: Provider, signal: AbortSignal): Promise<{ memoryBytes: number; cpus: number; quote: Quote }[]> {
  const prices = []
  // One that does not sell a size has no price for it.
  for (const size of Object.values(MACHINE_SIZES)) prices.push({ ...size, quote: await quoteOf(provider, size, signal).catch(() => null) })
  return prices.flatMap(({ quote, ...size }) => (quote === null ? [] : [{ ...size, quote }]))
}

function tokenFile(home: string, name: string): ProviderFinding[] {
  const path = join(home, 'providers', `${name}.token`)
  if (!existsSync(path)) return []
  const others = statSync(path).mode & 0o077
  return others === 0 ? [{ level: 'ok', code: 'token-file', message: 'nobody else on this host can read the token', hint: null }]
    : [{ level: 'warning', code: 'token-file', message: `others on this host can read providers/${name}.token`, hint: `chmod 600 <home>/providers/${name}.token` }]
}

export async function setDefaultProvider({ providers, store, clock }: Pick<ServiceDeps, 'providers' | 'store' | 'clock'>, name: string | null): Promise<{ name: string | null }> {
  if (name !== null) {
    providers.get(name)
    const { ok, detail, hint } = await providers.check(name)
    if (!ok) throw new BerthError('provider_unavailable', `${name}: ${detail}`, { hint: hint ?? `set it up first: berth provider setup ${name}` })
  }
  await store.providerNotes.choose(name, clock.now())
  return { name }
}
