import { describe, expect, it } from 'bun:test'
import type { Wish } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import type { Observed } from '../ports/provider.ts'
import { newMachine } from './apply-change.ts'
import { decide, MAX_STARTS, type DecideContext, type Step } from './decide.ts'
import { mayRun } from './link-state.ts'
import { phaseOf } from './phase.ts'
import { isWished, type MachineRow, type WorkspaceRecord, type WorkspaceRow } from './records.ts'
import { workspaceRow } from '@berth/testkit'

const NOW = 1_800_000_000_000
const WISHED = NOW - 60_000
const LONG_AGO = NOW - 24 * 3_600_000

const wish = (target: Wish['target'], over: Partial<Wish> = {}): Wish => ({ target, by: 'user', version: 3, reason: null, at: WISHED, ...over })
const record = (workspace: Partial<WorkspaceRow>, machine: Partial<MachineRow> | null): WorkspaceRecord => {
  const row = workspaceRow({ generation: machine === null ? 0 : 1, ...workspace })
  return { workspace: row, machine: machine === null ? null : { ...newMachine(row, LONG_AGO), observedAt: NOW, ...machine } }
}
const here: DecideContext = { fresh: true, upSince: LONG_AGO, connected: false }

const OBSERVED: readonly Observed[] = [
  { state: 'absent' }, { state: 'creating' }, { state: 'starting' }, { state: 'stopping' }, { state: 'deleting' },
  { state: 'running', startedAt: null }, { state: 'stopped', exitCode: 1, detail: null }, { state: 'stopped', exitCode: null, detail: null, charged: true }, { state: 'failed', detail: 'dead' }, { state: 'unknown', raw: 'odd' },
]
const LINKS: readonly Partial<MachineRow>[] = [
  { linkedAt: null, lastSeenAt: null }, { linkedAt: NOW - 1_000, lastSeenAt: NOW }, { linkedAt: NOW - 300_000, lastSeenAt: NOW - 1_000 },
  { linkedAt: null, lastSeenAt: NOW - 20_000 }, { linkedAt: NOW - LONG_AGO, lastSeenAt: NOW - deadlines.unreachable - 60_000 },
]
const TIMES = [null, LONG_AGO, WISHED, NOW - 1_000]
const POLLS: readonly MachineRow['poll'][] = [null, { op: 'ensure', of: {} }, { op: 'stop', of: {} }]
const SAVES: readonly MachineRow['saveState'][] = ['none', 'trying', 'done', 'gave-up']

interface Point { readonly record: WorkspaceRecord; readonly context: DecideContext }
/** Every combination that decide can tell apart. */
function* space(target: Wish['target']): Generator<Point> {
  const contexts: DecideContext[] = [here, { ...here, fresh: false }, { ...here, connected: true }, { ...here, upSince: NOW - 1_000 }]
  const wishes = [wish(target), wish(target, { at: LONG_AGO })]
  for (const context of contexts) for (const one of wishes) for (const deletedAt of [null, NOW]) {
    yield { context, record: record({ wish: one, deletedAt }, null) }
    for (const observed of OBSERVED) for (const link of LINKS) for (const readyAt of [null, LONG_AGO]) for (const ensuringSince of TIMES) {
      for (const stoppingSince of TIMES) for (const poll of POLLS) for (const saveState of SAVES) for (const retryAt of [null, NOW + 5_000]) for (const attempts of [0, MAX_STARTS]) {
        const base = record({ wish: one, deletedAt, readyAt, startedAt: ensuringSince }, { observed, ...link, ensuringSince, stoppingSince, poll, saveState, retryAt, attempts })
        yield { context, record: base }
      }
    }
    yield { context, record: record({ wish: one, deletedAt }, { endedAt: NOW, observed: { state: 'absent' } }) }
    yield { context, record: record({ wish: one, deletedAt, failure: { code: 'timeout', message: 'late', hint: null, at: NOW } }, { observed: { state: 'running', startedAt: null } }) }
  }
}

const STARTS: readonly Step['do'][] = ['begin', 'ensure']
const ENDS: readonly Step['do'][] = ['prepare-stop', 'stop', 'destroy']

describe('decide, over its whole space', () => {
  for (const target of ['running', 'stopped', 'deleted'] as const) {
    it(`always has an answer that fits the wish ${target}`, () => {
      let points = 0
      const wrong: unknown[] = []
      for (const { record: at, context } of space(target)) {
        points += 1
        const step = decide(at, NOW, context)
        const problem = problemOf(at, context, step)
        if (problem !== null && wrong.length < 5) wrong.push({ problem, step, context, wish: at.workspace.wish, machine: at.machine })
        phaseOf(at, NOW)
      }
      expect(wrong).toEqual([])
      expect(points).toBeGreaterThan(60_000)
    })
  }
})

it('does for a rebuild what a stop does, and wants it again where nothing is left to do', () => {
  const wrong: unknown[] = []
  for (const { record: at, context } of space('stopped')) {
    const plain = decide(at, NOW, context)
    const step = decide({ ...at, workspace: { ...at.workspace, project: { revision: 2, outline: null, from: 'save', askedAt: at.workspace.wish.at } } }, NOW, context)
    const expected: Step['do'] = plain.do === 'nothing' && at.workspace.deletedAt === null ? 'want' : plain.do
    if (step.do !== expected || (step.do === 'want' && mayRun(at.machine))) wrong.push({ step, plain, machine: at.machine })
  }
  expect(wrong.slice(0, 5)).toEqual([])
})

interface Seen { readonly at: WorkspaceRecord; readonly context: DecideContext; readonly step: Step; readonly gone: boolean; readonly wanted: boolean }
/** What must never be. */
const NEVER: Readonly<Record<string, (seen: Seen) => boolean>> = {
  'starts a machine nobody wants': ({ wanted, step }) => !wanted && STARTS.includes(step.do),
  'ends a machine somebody wants': ({ wanted, step }) => wanted && ENDS.includes(step.do),
  'fails what is not wanted': ({ wanted, step }) => !wanted && step.do === 'fail',
  'destroys what is to be kept': ({ at, step }) => at.workspace.wish.target !== 'deleted' && step.do === 'destroy',
  'begins another generation while the old one is there': ({ gone, step }) => step.do === 'begin' && !gone,
  'acts on a state it did not look at': ({ context, step }) => !context.fresh && ['ensure', 'stop', 'prepare-stop'].includes(step.do),
  'looks away for ever from a machine': ({ gone, step }) => step.do === 'nothing' && step.againInMs === null && !gone,
  'does nothing about a machine nobody wants': ({ at, wanted, step }) => step.do === 'nothing' && !wanted && mayRun(at.machine),
  'waits for the past': ({ step }) => step.do === 'wait' && step.until <= NOW,
  'waits too long': ({ step }) => step.do === 'wait' && step.until > NOW + deadlines.tickIdle,
  'guesses': ({ at, step }) => step.do === 'ensure' && at.machine?.observed.state === 'unknown',
  'says deleted before it destroyed': ({ at, gone, step }) => step.do === 'settle' && step.as === 'deleted' && !gone && at.machine?.observedAt !== null,
  'says stopped while it may run': ({ at, step }) => step.do === 'settle' && step.as === 'stopped' && mayRun(at.machine),
}

function problemOf(at: WorkspaceRecord, context: DecideContext, step: Step): string | null {
  if (at.workspace.deletedAt !== null) return step.do === 'nothing' && step.againInMs === null ? null : 'does not leave a deleted workspace alone'
  const seen: Seen = { at, context, step, gone: at.machine === null || at.machine.endedAt !== null, wanted: at.workspace.wish.target === 'running' }
  return Object.keys(NEVER).find((name) => NEVER[name]?.(seen)) ?? null
}

describe('decide', () => {
  const running = { state: 'running', startedAt: null } as const
  const up: Partial<MachineRow> = { observed: running, ensuringSince: WISHED, linkedAt: NOW - 30_000, lastSeenAt: NOW }
  const ready: Partial<WorkspaceRow> = { wish: wish('running'), readyAt: NOW - 1_000, startedAt: WISHED + 1 }
  const check = (workspace: Partial<WorkspaceRow>, machine: Partial<MachineRow> | null, context: Partial<DecideContext> = {}) =>
    decide(record(workspace, machine), NOW, { ...here, ...context })

  it('begins the first generation', () => expect(check({ wish: wish('running') }, null)).toEqual({ do: 'begin', generation: 1 }))
  it('begins another generation only when the old one ended', () => expect(check({ wish: wish('running') }, { endedAt: NOW })).toEqual({ do: 'begin', generation: 2 }))
  it('looks before it starts', () => expect(check({ wish: wish('running') }, {}, { fresh: false })).toEqual({ do: 'observe' }))
  it('starts again what was removed under it, with the same key', () => expect(check(ready, { ...up, observed: { state: 'absent' } })).toEqual({ do: 'ensure', start: true }))
  it('leaves a running, linked machine alone', () => expect(check(ready, up)).toEqual({ do: 'nothing', againInMs: deadlines.tickIdle }))
  it('gives up a machine that never stays up', () => expect(check(ready, { ...up, observed: { state: 'stopped', exitCode: 1, detail: 'no such file' }, attempts: MAX_STARTS })).toMatchObject({ do: 'fail', refusal: { code: 'provider_unavailable' } }))
  it('does not count the server\'s own sleep as silence', () => {
    const silent = { ...up, linkedAt: null, lastSeenAt: NOW - deadlines.unreachable - 1 }
    const old = { ...ready, wish: wish('running', { at: LONG_AGO }) }
    expect(check(old, { ...silent, ensuringSince: LONG_AGO })).toMatchObject({ do: 'fail', refusal: { code: 'daemon_unreachable' } })
    expect(check(old, { ...silent, ensuringSince: LONG_AGO }, { upSince: NOW - 60_000 }).do).toBe('wait')
  })
  it('fails a machine whose daemon never calls home', () => {
    const late = NOW - deadlines.dialHome - 10_000
    expect(check({ wish: wish('running', { at: late - 1 }), startedAt: late }, { observed: running, ensuringSince: late })).toMatchObject({ do: 'fail', refusal: { code: 'daemon_unreachable' } })
    const slow = { ...running, slow: true } as const
    expect(check({ wish: wish('running', { at: late - 1 }), startedAt: late }, { observed: slow, ensuringSince: late }).do).toBe('wait')
    const later = NOW - deadlines.dialHomeSlow - 10_000
    expect(check({ wish: wish('running', { at: later - 1 }), startedAt: later }, { observed: slow, ensuringSince: later })).toMatchObject({ do: 'fail', refusal: { code: 'daemon_unreachable' } })
  })
  it('fails what is not ready in time', () => {
    const asked = NOW - deadlines.provision - 1
    expect(check({ wish: wish('running', { at: asked }) }, { ...up, ensuringSince: asked })).toMatchObject({ do: 'fail', refusal: { code: 'timeout' } })
  })
  it('fails what never gets its code, but waits while that comes or the server was away', () => {
    const asked = NOW - deadlines.uploadIdle - 1
    const waiting = { wish: wish('running', { at: asked }), sourceReady: false, lastActiveAt: asked }
    const machine = { ...up, ensuringSince: asked }
    expect(check(waiting, machine)).toMatchObject({ do: 'fail', refusal: { code: 'timeout', message: expect.stringContaining('nothing of the code') } })
    expect(check(waiting, null)).toMatchObject({ do: 'fail' })
    expect(check({ ...waiting, lastActiveAt: NOW - 1_000 }, machine)).not.toMatchObject({ do: 'fail' })
    expect(check({ ...waiting, sourceReady: true }, machine)).not.toMatchObject({ do: 'fail' })
    expect(decide(record(waiting, machine), NOW, { ...here, upSince: NOW - 1_000 })).not.toMatchObject({ do: 'fail' })
  })
  it('wants again what was stopped to be made anew, once it stands still, and only under that wish', () => {
    const project = { revision: 2, outline: null, from: 'save', askedAt: WISHED } as const
    const still: Partial<MachineRow> = { observed: { state: 'stopped', exitCode: 0, detail: null } }
    expect(check({ wish: wish('stopped'), project }, still)).toEqual({ do: 'want' })
    expect(check({ wish: wish('stopped'), project }, { endedAt: NOW })).toEqual({ do: 'want' })
    expect(check({ wish: wish('stopped'), project }, up).do).toBe('prepare-stop')
    expect(check({ wish: wish('stopped'), project }, { ...still, stoppingSince: NOW })).toEqual({ do: 'settle', as: 'stopped' })
    expect(phaseOf(record({ wish: wish('stopped'), project }, still), NOW)).toMatchObject({ phase: 'queued', reason: 'rebuild' })
    expect(phaseOf(record({ wish: wish('stopped'), project }, up), NOW)).toMatchObject({ phase: 'stopping', reason: 'rebuild' })
    for (const other of [wish('stopped', { at: WISHED + 1 }), wish('stopped', { by: 'idle' })]) expect(check({ wish: other, project }, still).do).toBe('nothing')
  })
  it('takes a start during a rebuild for what comes anyway, a stop for its end, and gives what failed another try', () => {
    const project = { revision: 2, outline: null, from: 'save', askedAt: WISHED } as const
    const wished = (over: Partial<WorkspaceRow>) => (['running', 'stopped', 'deleted'] as const).filter((target) => isWished(workspaceRow(over), target))
    expect(wished({ wish: wish('stopped'), project })).toEqual(['running'])
    expect(wished({ wish: wish('stopped', { at: WISHED + 1 }), project })).toEqual(['stopped'])
    expect(wished({ wish: wish('stopped', { by: 'idle' }) })).toEqual([])
    expect(wished({ wish: wish('running') })).toEqual(['running'])
    expect(wished({ wish: wish('running'), failure: { code: 'timeout', message: 'late', hint: null, at: NOW } })).toEqual([])
    expect(wished({ wish: wish('deleted') })).toEqual(['deleted'])
  })
  it('saves before it stops, once', () => {
    const stopped = { wish: wish('stopped') }
    expect(check(stopped, up)).toEqual({ do: 'prepare-stop', withinMs: deadlines.stopSave })
    expect(check(stopped, { ...up, stoppingSince: NOW - 1_000, saveState: 'done' })).toEqual({ do: 'stop' })
    expect(check(stopped, { ...up, stoppingSince: NOW - 1_000, saveState: 'gave-up' })).toEqual({ do: 'stop' })
    expect(check(stopped, { ...up, stoppingSince: NOW - 5_000, saveState: 'trying' })).toEqual({ do: 'prepare-stop', withinMs: deadlines.stopSave - 5_000 })
    expect(check(stopped, { ...up, stoppingSince: NOW - deadlines.stopSave, saveState: 'trying' })).toEqual({ do: 'stop' })
  })
  it('does not let the backoff of a start delay a stop', () => {
    expect(check({ wish: wish('stopped') }, { observed: running, ensuringSince: WISHED, retryAt: NOW + 5_000 })).toEqual({ do: 'stop' })
  })
  it('destroys also what it sees as absent, for its volumes', () => {
    expect(check({ wish: wish('deleted') }, { observed: { state: 'absent' } })).toEqual({ do: 'destroy' })
  })
  it('has nothing to destroy when no provider was ever called', () => {
    expect(check({ wish: wish('deleted') }, { observedAt: null })).toEqual({ do: 'settle', as: 'deleted' })
  })
  it('starts again after a failure when somebody asks', () => {
    const failure = { code: 'timeout', message: 'late', hint: null, at: WISHED - 1 }
    expect(check({ wish: wish('running'), failure, readyAt: LONG_AGO }, { observed: { state: 'stopped', exitCode: 0, detail: null } })).toEqual({ do: 'ensure', start: true })
  })
})

it('stops what is still being made, an image perhaps, before it says that the workspace is stopped', () => {
  const building = { observed: { state: 'absent' }, ensuringSince: WISHED, stoppingSince: null, poll: { op: 'ensure', of: {} }, attempts: 0, retryAt: null, saveState: 'none' } as const
  expect(decide(record({ wish: wish('stopped') }, building), NOW, here)).toEqual({ do: 'stop' })
  expect(decide(record({ wish: wish('stopped') }, { ...building, poll: null, stoppingSince: NOW }), NOW, here)).toEqual({ do: 'settle', as: 'stopped' })
})

it('goes on stopping a machine that is off and still charged, and starts it again when it is wanted', () => {
  const off = { observed: { state: 'stopped', exitCode: null, detail: 'it is switched off', charged: true } } as const
  const settled = { ensuringSince: null, stoppingSince: null, poll: null, attempts: 0, retryAt: null, saveState: 'none' } as const
  expect(decide(record({ wish: wish('stopped') }, { ...off, ...settled }), NOW, here)).toEqual({ do: 'stop' })
  expect(decide(record({ wish: wish('stopped') }, { observed: { state: 'stopped', exitCode: null, detail: null }, ...settled }), NOW, here)).toMatchObject({ do: 'nothing' })
  expect(decide(record({ wish: wish('running') }, { ...off, ...settled }), NOW, here)).toEqual({ do: 'ensure', start: true })
})
