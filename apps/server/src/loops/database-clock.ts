/** The database's time, sampled: this process counts on from each sample by a clock that nobody sets. */
import type { Clock } from '@berth/core'

export interface SampledClock extends Clock {
  /** Asks the database. Throws when it does not answer; the clock goes on from the sample before. */
  sample(): Promise<void>
}

/** Going back by less is an inexact sample, and the clock just stands still for a moment. More: somebody set it. */
const STEP_BACK_MS = 2000

export async function createDatabaseClock(deps: { databaseNow(): Promise<number>; monotonicNow?: () => number }): Promise<SampledClock> {
  const monotonicNow = deps.monotonicNow ?? (() => performance.now())
  let offset = 0
  let last = 0
  const sample = async () => {
    const before = monotonicNow()
    const theirs = await deps.databaseNow()
    offset = theirs - (before + monotonicNow()) / 2
  }
  await sample()
  return {
    sample,
    now() {
      const at = Math.floor(offset + monotonicNow())
      if (at > last || last - at > STEP_BACK_MS) last = at
      return last
    },
  }
}
