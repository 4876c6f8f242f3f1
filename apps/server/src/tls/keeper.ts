/**
 * Keeps certificates of an authority valid: orders what is missing, renews in time, waits after a refusal and never
 * asks for two at once. What it cannot get it says, and what it has it serves, also when that is out of date.
 */
import type { Clock } from '@berth/core'
import { AcmeProblem } from './problem.ts'
import type { Authority } from './acme.ts'
import { waitAfter } from './backoff.ts'
import { isFor, readCertificate, renewAt, type Certificate } from './certificate.ts'
import type { KeptCertificates, Refusal } from './kept.ts'
import type { Wanted } from './settings.ts'
import { messageOf } from '../thrown.ts'

export interface CertificateState {
  readonly name: string
  readonly notAfter: number | null
  readonly issuer: string | null
  /** The last time it was asked for; null: nothing was refused since. */
  readonly refused: Refusal | null
}

export interface Keeper {
  find(host: string): Certificate | null
  /** Orders it now unless somebody does already. Null: not to be had. */
  onDemand(host: string, signal: AbortSignal): Promise<Certificate | null>
  states(): readonly CertificateState[]
  stop(): Promise<void>
}

export interface KeeperDeps {
  readonly wanted: readonly Wanted[]
  readonly authority: Authority
  readonly kept: KeptCertificates
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** Timers beyond it are not exact, and a laptop that slept looks again soon. */
const LOOK_AT_LEAST_MS = 60 * 60_000
/** The largest public authority gives fifty for a domain in a week, for all that its owner does. */
const ON_DEMAND_A_WEEK = 25
const WEEK_MS = 7 * 24 * 3600_000

export async function startKeeper(deps: KeeperDeps): Promise<Keeper> {
  const { wanted, clock, log } = deps
  const stopping = new AbortController()
  const orders = await createOrders(deps, stopping.signal)
  for (const { names: [name] } of wanted) await orders.readKept(name)
  const asked = new Map<string, Promise<Certificate | null>>()

  const dueAt = ({ names: [name] }: Wanted): number => {
    const certificate = orders.have.get(name)
    return Math.max(certificate === undefined ? 0 : renewAt(certificate), orders.refusals.refused[name]?.nextTryAt ?? 0)
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  let current: Promise<void> = Promise.resolve()
  async function look(): Promise<void> {
    for (const one of wanted) if (dueAt(one) <= clock.now() && !stopping.signal.aborted) await orders.inLine(one)
    if (!stopping.signal.aborted) plan()
  }
  function plan(): void {
    const waitMs = Math.min(Math.max(Math.min(...wanted.map(dueAt)) - clock.now(), 0), LOOK_AT_LEAST_MS)
    timer = setTimeout(() => {
      current = look().catch((error: unknown) => {
        if (stopping.signal.aborted) return
        log(`tls: ${messageOf(error)}`)
        timer = setTimeout(plan, LOOK_AT_LEAST_MS)
      })
    }, waitMs)
  }
  plan()

  return {
    find: (host) => [...orders.have.values()].find((certificate) => isFor(certificate, host)) ?? null,
    onDemand(host, signal) {
      const running = asked.get(host) ?? orders.onDemand(host).finally(() => asked.delete(host))
      asked.set(host, running)
      const gone = Promise.withResolvers<null>()
      signal.addEventListener('abort', () => gone.resolve(null), { once: true })
      return Promise.race([running, gone.promise])
    },
    states: () => [...new Set([...wanted.map(({ names: [name] }) => name), ...orders.have.keys()])].map((name) => {
      const certificate = orders.have.get(name)
      return { name, notAfter: certificate?.notAfter ?? null, issuer: certificate?.issuer ?? null, refused: orders.refusals.refused[name] ?? null }
    }),
    async stop() {
      stopping.abort(new Error('the server stops'))
      clearTimeout(timer)
      await current
      await orders.ended()
    },
  }
}

/** What there is, what was refused, and one order at a time. */
async function createOrders({ authority, kept, clock, log }: KeeperDeps, stopping: AbortSignal) {
  const have = new Map<string, Certificate>()
  const refusals = await kept.refusals()
  let line: Promise<unknown> = Promise.resolve()

  async function readKept(name: string): Promise<Certificate | null> {
    const issued = await kept.read(name)
    if (issued === null) return null
    try {
      const certificate = readCertificate(issued)
      have.set(name, certificate)
      return certificate
    } catch (error) {
      log(`tls: the kept certificate of ${name} cannot be read and is ordered anew: ${messageOf(error)}`)
      return null
    }
  }

  async function order(one: Wanted): Promise<Certificate | null> {
    const [name] = one.names
    if (stopping.aborted) return null
    try {
      log(`tls: asking for a certificate of ${one.names.join(', ')} (${one.challenge})`)
      const issued = await authority.order(one, stopping)
      const certificate = readCertificate(issued)
      await kept.write(name, issued)
      have.set(name, certificate)
      delete refusals.refused[name]
      log(`tls: ${name} has a certificate of ${certificate.issuer} until ${new Date(certificate.notAfter).toISOString()}`)
    } catch (thrown) {
      if (stopping.aborted) return null
      refuse(name, thrown instanceof AcmeProblem ? thrown : new AcmeProblem('malformed', messageOf(thrown), { cause: thrown }))
    }
    await kept.writeRefusals(refusals)
    return have.get(name) ?? null
  }

  function refuse(name: string, problem: AcmeProblem): void {
    const failures = (refusals.refused[name]?.failures ?? 0) + 1
    const nextTryAt = clock.now() + waitAfter({ failures, kind: problem.kind, retryAfterMs: problem.retryAfterMs })
    refusals.refused[name] = { failures, nextTryAt, message: problem.message, hint: problem.hint }
    log(`tls: no certificate for ${name}: ${problem.message}. ${problem.hint}. tried again at ${new Date(nextTryAt).toISOString()}`)
  }

  /** One at a time, whoever asks. */
  function inLine(one: Wanted): Promise<Certificate | null> {
    const next = line.then(() => order(one))
    line = next.catch(() => undefined)
    return next
  }

  function allowedOnDemand(host: string): boolean {
    const now = clock.now()
    refusals.onDemandAt = refusals.onDemandAt.filter((at) => at > now - WEEK_MS)
    return (refusals.refused[host]?.nextTryAt ?? 0) <= now && refusals.onDemandAt.length < ON_DEMAND_A_WEEK
  }

  return {
    have, refusals, readKept, inLine,
    async onDemand(host: string): Promise<Certificate | null> {
      const present = have.get(host) ?? (await readKept(host))
      if (present !== null && renewAt(present) > clock.now()) return present
      if (!allowedOnDemand(host)) return present
      refusals.onDemandAt.push(clock.now())
      const ordered = inLine({ names: [host], challenge: 'http-01' })
      // What is still good is shown while the next one is made.
      return present !== null && present.notAfter > clock.now() ? present : ordered
    },
    ended: () => line,
  }
}
