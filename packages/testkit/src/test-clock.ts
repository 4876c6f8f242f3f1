/** A clock that moves only when a test says so. */
import type { Clock } from '@berth/core'

export interface TestClock extends Clock { advance(ms: number): void; set(at: number): void }

/** Starts in the year 2027: far from 0, where "never" and "long ago" would look the same. */
export function createTestClock(start = 1_800_000_000_000): TestClock {
  let at = start
  return {
    now: () => at,
    advance(ms) {
      if (ms < 0) throw new RangeError('time does not go back; use set() to test a clock that jumps')
      at += ms
    },
    set(to) { at = to },
  }
}
