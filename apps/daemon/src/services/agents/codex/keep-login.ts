/**
 * Codex renews its login when that has ended, and so would every other session with it, at that moment and with the same
 * token. It is renewed before by one of them; the others look into the file first, and find it renewed.
 */
import type { DriverDeps } from '../../../contracts.ts'

const LOOK_MS = 60_000
const AHEAD_MS = 10 * 60_000

export interface KeptLogin {
  /** For what may renew it by itself: the start of its server. */
  apart<T>(work: () => Promise<T>): Promise<T>
  /** From now on it is renewed in time. */
  watch(): void
  close(): void
}

export function keepLogin({ renewals }: Pick<DriverDeps, 'renewals'>, renew: () => Promise<unknown>): KeptLogin {
  let timer: Timer | undefined
  const look = (): void => { void renewals?.renew('codex', AHEAD_MS, renew) }
  return {
    apart: (work) => (renewals === undefined ? work() : renewals.alone('codex', AHEAD_MS, work)),
    watch() {
      clearInterval(timer)
      timer = setInterval(look, LOOK_MS)
      look()
    },
    close() { clearInterval(timer) },
  }
}
