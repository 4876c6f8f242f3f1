import { expect, test } from 'bun:test'
import { workspaceRow } from '@berth/testkit'
import type { Wish, WorkspaceId } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import type { MachineRow, WorkspaceRecord } from '../workspace/records.ts'
import { decidePool, type PoolFacts } from './decide-pool.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const HOURLY = { microsPerHour: 10_000, incrementMs: HOUR }
let last = 0
const member = (over: { ready?: boolean; ageMs?: number; target?: Wish['target']; failed?: boolean } = {}): WorkspaceRecord => {
  const { ready = true, ageMs = 60_000, target = 'running', failed = false } = over
  return {
    workspace: workspaceRow({
      id: `ws_0000000000${String(10 + last++)}` as WorkspaceId, createdAt: NOW - ageMs, readyAt: ready ? NOW - 1 : null, failure: failed ? { code: 'image_unsupported', message: 'no such image', hint: null, at: NOW } : null,
      wish: { target, by: 'user', version: 1, reason: null, at: NOW - ageMs },
    }), machine: null,
  }
}
const facts = (over: Partial<PoolFacts>): PoolFacts => ({ pool: { count: 2, budgetMicros: 100_000, retryAt: 0 }, members: [], soonMicros: 0, price: HOURLY, now: NOW, ...over })
const ended = (given: PoolFacts): string[] => decidePool(given).end.map(({ member: { workspace } }) => workspace.id)

test('makes what is missing, and nothing more', () => {
  expect(decidePool(facts({}))).toMatchObject({ make: 2, end: [], problem: null })
  expect(decidePool(facts({ members: [member({ ready: false })] }))).toMatchObject({ make: 1, end: [] })
  expect(decidePool(facts({ members: [member(), member({ ready: false })] }))).toMatchObject({ make: 0, end: [] })
  // What already ends counts for nothing.
  expect(decidePool(facts({ members: [member(), member({ target: 'deleted' })] }))).toMatchObject({ make: 1, end: [] })
})

test('makes only what the budget has room for, whole pieces of time', () => {
  expect(decidePool(facts({ soonMicros: 85_000 }))).toMatchObject({ make: 1, problem: null })
  expect(decidePool(facts({ soonMicros: 95_000 }))).toMatchObject({ make: 0, problem: 'what is left of the budget is too little for another one' })
  expect(decidePool(facts({ soonMicros: 500_000, price: { microsPerHour: 0, incrementMs: 0 } }))).toMatchObject({ make: 2 })
})

test('counts the first piece of time of what is made and not bought yet', () => {
  const pool = { count: 3, budgetMicros: 25_000, retryAt: 0 }
  const making = [member({ ready: false }), member({ ready: false })]
  expect(decidePool(facts({ pool, members: making }))).toMatchObject({ make: 0, problem: 'what is left of the budget is too little for another one' })
  expect(decidePool(facts({ pool: { ...pool, budgetMicros: 30_000 }, members: making }))).toMatchObject({ make: 1 })
  const bought = making.map((record) => ({ ...record, machine: { charge: { state: 'running', price: null, since: NOW } } as MachineRow })) // the rest of it decides nothing here
  expect(decidePool(facts({ pool: { ...pool, budgetMicros: 30_000 }, members: bought, soonMicros: 20_000 }))).toMatchObject({ make: 1 })
})

test('ends all when the budget would be passed, and when the setting is gone or zero', () => {
  const members = [member(), member({ ready: false })]
  const ids = members.map(({ workspace }) => workspace.id)
  expect(ended(facts({ members, soonMicros: 100_001 }))).toEqual(ids)
  expect(decidePool(facts({ members, soonMicros: 100_000 })).end).toEqual([])
  expect(ended(facts({ members, pool: null }))).toEqual(ids)
  expect(ended(facts({ members, pool: { count: 0, budgetMicros: 100_000, retryAt: 0 } }))).toEqual(ids)
})

test('ends what failed or was stopped, and waits before the next try', () => {
  const [failed, stopped, good] = [member({ ready: false, failed: true }), member({ target: 'stopped' }), member()]
  const decision = decidePool(facts({ members: [failed, stopped, good] }))
  expect(decision).toMatchObject({ make: 0, problem: 'no such image', retryAt: NOW + deadlines.poolRetry })
  expect(decision.end.map(({ member: each }) => each)).toEqual([failed, stopped])
  expect(decidePool(facts({ pool: { count: 2, budgetMicros: 100_000, retryAt: NOW + 1 } })).make).toBe(0)
})

test('a smaller pool ends those that are not ready first, then the newest', () => {
  const [old, young, preparing] = [member({ ageMs: HOUR }), member({ ageMs: 1000 }), member({ ready: false, ageMs: 2 * HOUR })]
  expect(ended(facts({ pool: { count: 1, budgetMicros: 100_000, retryAt: 0 }, members: [old, young, preparing] }))).toEqual([preparing.workspace.id, young.workspace.id])
})

test('ends one that is too old, one at a time, and not while another is prepared', () => {
  const aged = { ageMs: deadlines.poolMemberAge + 1 }
  const [one, other] = [member(aged), member(aged)]
  expect(ended(facts({ members: [one, other] }))).toEqual([one.workspace.id])
  expect(ended(facts({ members: [one, member({ ready: false })] }))).toEqual([])
  expect(ended(facts({ members: [member(), member()] }))).toEqual([])
})
