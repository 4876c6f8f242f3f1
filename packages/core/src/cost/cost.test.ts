import { expect, it } from 'bun:test'
import { createFakeProvider, createTestClock, workspaceRow } from '@berth/testkit'
import type { Observed, Quote } from '../ports/provider.ts'
import { billedMicros, chargedAs, nextCharge, type Charge } from './charge.ts'
import { refuseStart, type CostStanding } from './limits.ts'
import { monthAt, monthNamed, monthsBetween } from './months.ts'
import { chargeChange } from '../workspace/charge-change.ts'

const HOUR = 3_600_000
const quote: Quote = { currency: 'EUR', runningMicrosPerHour: 8000, stoppedMicrosPerHour: 1000, note: '' }
const price = (microsPerHour: number, incrementMs = 0) => ({ currency: 'EUR', microsPerHour, incrementMs })
const observed = (state: Observed['state'], more: object = {}): Observed => ({ state, startedAt: null, exitCode: null, detail: null, ...more }) as Observed
const next = (known: Charge | null, seen: Observed, at: { now: number; createdAt?: number; ensuringSince?: number | null; quote?: Quote | null }) =>
  nextCharge({ known, machine: { observed: seen, createdAt: at.createdAt ?? 0 }, quote: at.quote === undefined ? quote : at.quote, ensuringSince: at.ensuringSince ?? null, now: at.now })

it('takes what may run for running, and what is switched off and charged all the same', () => {
  expect((['creating', 'starting', 'running', 'stopping', 'deleting', 'unknown'] as const).map((state) => chargedAs(observed(state)))).toEqual(Array(6).fill('running'))
  expect(chargedAs(observed('stopped', { charged: true }))).toBe('running')
  expect([chargedAs(observed('stopped')), chargedAs(observed('failed')), chargedAs(observed('absent'))]).toEqual(['stopped', 'stopped', 'none'])
})

it('begins when it was bought, however much later it is seen', () => {
  expect(next(null, observed('running'), { now: 9000, createdAt: 4000, ensuringSince: 3000 })).toEqual({ state: 'running', price: price(8000), since: 4000 })
  expect(next(null, observed('creating'), { now: 9000, ensuringSince: 3000 })?.since).toBe(3000)
  // A vendor's clock that is ahead of ours.
  expect(next(null, observed('creating'), { now: 9000, createdAt: 99_000 })?.since).toBe(9000)
})

it('counts as running until it is seen stopped, and as stopped no longer than until it was asked to start', () => {
  const running: Charge = { state: 'running', price: price(8000), since: 1000 }
  const stopped = next(running, observed('stopped'), { now: 5000 })
  expect(stopped).toEqual({ state: 'stopped', price: price(1000), since: 5000 })
  expect(next(stopped, observed('starting'), { now: 9000, ensuringSince: 6000 })?.since).toBe(6000)
  expect(next(stopped, observed('running', { startedAt: 7000 }), { now: 9000, ensuringSince: 2000 })?.since).toBe(7000)
  expect(next(stopped, observed('absent'), { now: 9000 })).toBeNull()
})

it('keeps what is the same, and lets a price that becomes known count from the beginning', () => {
  const blind = next(null, observed('running'), { now: 2000, quote: null })
  expect(blind).toEqual({ state: 'running', price: null, since: 2000 })
  const known = next(blind, observed('running'), { now: 8000 })
  expect(known).toEqual({ state: 'running', price: price(8000), since: 2000 })
  expect(next(known, observed('running'), { now: 9000 })).toBe(known)
  expect(next(known, observed('running'), { now: 9000, quote: null })).toBe(known)
  expect(next(known, observed('running'), { now: 9000, quote: { ...quote, runningMicrosPerHour: 9000 } })).toEqual({ state: 'running', price: price(9000), since: 9000 })
})

it('bills begun pieces whole, and cut anywhere the parts are the whole', () => {
  const hourly = { since: 0, price: price(5600, HOUR) }
  expect([0, 1, HOUR, HOUR + 1, 3 * HOUR].map((at) => billedMicros(hourly, at))).toEqual([0, 5600, 5600, 11_200, 16_800])
  for (const incrementMs of [0, 1000, HOUR]) {
    const one = { since: 17, price: price(8123, incrementMs) }
    for (const cut of [18, 4711, HOUR, 2 * HOUR + 5]) {
      expect(billedMicros(one, cut) + (billedMicros(one, 5 * HOUR) - billedMicros(one, cut))).toBe(billedMicros(one, 5 * HOUR))
      expect(Number.isInteger(billedMicros(one, cut))).toBe(true)
    }
  }
  expect(billedMicros({ since: 0, price: null }, HOUR)).toBe(0)
})

it('bills no more than the month\'s price in any calendar month, and cut at its ends the parts are the whole', () => {
  const capped = { since: Date.UTC(2026, 0, 31, 12), price: { ...price(1000, HOUR), monthMicros: 650_000 } }
  const [february, march, april] = [1, 2, 3].map((month) => Date.UTC(2026, month)) as [number, number, number]
  expect(billedMicros(capped, february)).toBe(12_000)
  // 672 hours of February, 744 of March.
  expect([march, april].map((at) => billedMicros(capped, at))).toEqual([12_000 + 650_000, 12_000 + 650_000 + 650_000])
  expect(billedMicros(capped, march + 10 * HOUR) - billedMicros(capped, march)).toBe(10_000)
  expect(billedMicros({ ...capped, price: price(1000, HOUR) }, april)).toBe(12_000 + 672_000 + 744_000)
})

it('is another price with another month\'s price', () => {
  const known: Charge = { state: 'running', price: price(8000), since: 1000 }
  const capped = { ...quote, runningMonthMicros: 5_000_000, stoppedMonthMicros: 700_000 }
  expect(nextCharge({ known, machine: { observed: observed('running'), createdAt: 1000 }, quote: capped, ensuringSince: null, now: 9000 })).toEqual({ state: 'running', price: { ...price(8000), monthMicros: 5_000_000 }, since: 9000 })
  expect(nextCharge({ known, machine: { observed: observed('stopped'), createdAt: 1000 }, quote: capped, ensuringSince: null, now: 9000 })?.price).toEqual({ ...price(1000), monthMicros: 700_000 })
})

it('knows months, across a year', () => {
  const november = Date.UTC(2026, 10, 22, 5)
  expect(monthAt(november)).toEqual({ month: '2026-11', from: Date.UTC(2026, 10), to: Date.UTC(2026, 11) })
  expect(monthsBetween(monthAt(Date.UTC(2025, 11, 31)), monthAt(Date.UTC(2026, 1, 1)), 36).map(({ month }) => month)).toEqual(['2025-12', '2026-01', '2026-02'])
  expect(monthsBetween(monthAt(0), monthAt(november), 2).map(({ month }) => month)).toEqual(['2026-10', '2026-11'])
  expect([monthNamed('2026-13'), monthNamed('26-1'), monthNamed('2026-02')?.month]).toEqual([null, null, '2026-02'])
})

const none = { softMicros: null, hardMicros: null, hourlyMicros: null, running: null }
const standing = (limit: Partial<CostStanding['limit']>, rest: Partial<CostStanding> = {}): CostStanding => ({ limit: { scope: 'user', subject: 'u', currency: 'EUR', monthMicros: 0, ...none, ...limit }, running: 0, microsPerHour: 0, monthMicros: 0, ...rest })

it('refuses what would pass a limit and lets what is free pass all but the count', () => {
  expect(refuseStart([standing({ running: 2 }, { running: 1 })], 0)).toBeNull()
  expect(refuseStart([standing({ running: 2 }, { running: 2 })], 0)?.what).toBe('running')
  expect(refuseStart([standing({ hourlyMicros: 10_000 }, { microsPerHour: 5000 })], 5000)).toBeNull()
  expect(refuseStart([standing({ hourlyMicros: 10_000 }, { microsPerHour: 5000 })], 5001)?.what).toBe('hourly')
  expect(refuseStart([standing({ hardMicros: 1_000_000 }, { monthMicros: 999_999 })], 1)).toBeNull()
  expect(refuseStart([standing({}), standing({ hardMicros: 1_000_000, scope: 'organisation' }, { monthMicros: 1_000_000 })], 1)?.why).toBe("the organisation's limit of this month is reached: €1.00 of €1.00")
  expect(refuseStart([standing({ hardMicros: 0, hourlyMicros: 0 })], 0)).toBeNull()
})

it('asks for a price when a state begins, and not again', async () => {
  const clock = createTestClock()
  const provider = createFakeProvider({ clock })
  let asked = 0
  const deps = { log: () => {}, quote: async () => { asked += 1; return provider.quote({ memoryBytes: 1, cpus: 1 }) } }
  const record = { workspace: workspaceRow({}), machine: null }
  const signal = AbortSignal.timeout(1000)
  const { charge } = await chargeChange(deps, { record, machine: { observed: observed('running'), createdAt: 0 }, now: 5 }, signal)
  expect([charge?.state, asked]).toEqual(['running', 1])
  const machine = { charge } as unknown as NonNullable<Parameters<typeof chargeChange>[1]['record']['machine']> // the rest of it decides nothing here
  expect(await chargeChange(deps, { record: { ...record, machine }, machine: { observed: observed('running'), createdAt: 0 }, now: 6 }, signal)).toEqual({})
  expect(asked).toBe(1)
  // Nobody can say: it is written down all the same.
  const blind = await chargeChange({ log: () => {}, quote: () => Promise.reject(new Error('away')) }, { record, machine: { observed: observed('running'), createdAt: 0 }, now: 5 }, signal)
  expect(blind.charge).toEqual({ state: 'running', price: null, since: 5 })
})
