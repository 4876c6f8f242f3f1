import { describe, expect, it } from 'bun:test'
import { createFakeDaemons, createMemoryStore, workspaceRow } from '@berth/testkit'
import type { ActivityReport } from '@berth/wire/daemon'
import { newMachine } from '../workspace/apply-change.ts'
import type { WorkspaceRow } from '../workspace/records.ts'
import { decideIdle, lastActivity, type IdleInput } from './decide-idle.ts'
import { applyIdle } from './idle-loop.ts'
import { reportIntervalMs } from './report-interval.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LONG_AGO = NOW - 48 * HOUR
const quiet: ActivityReport = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: null, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 1, ports: [] }

interface Case { activity?: Partial<ActivityReport> | null; reportAge?: number; workspace?: Partial<WorkspaceRow>; input?: Partial<IdleInput> }
const rowOf = ({ activity = {}, reportAge = 1_000, workspace = {} }: Case): WorkspaceRow => workspaceRow({
  lastActiveAt: LONG_AGO, startedAt: LONG_AGO, readyAt: LONG_AGO, wish: { target: 'running', by: 'user', version: 1, reason: null, at: LONG_AGO },
  activity: activity === null ? null : { ...quiet, ...activity, at: NOW - reportAge }, ...workspace,
})
const check = (one: Case = {}) => decideIdle({ workspace: rowOf(one), linked: true, approvalsWaiting: 0, now: NOW, upSince: LONG_AGO, ...one.input })
const kinds = (one: Case) => check(one).reasons.map(({ kind }) => kind)

describe('idle', () => {
  it('is what does nothing for long enough', () => expect(check()).toMatchObject({ verdict: 'idle', reasons: [] }))
  it('is not what worked a moment ago', () => {
    expect(check({ workspace: { lastActiveAt: NOW - 29 * MINUTE } })).toMatchObject({ verdict: 'active', stopsAt: NOW + MINUTE })
    expect(check({ workspace: { lastActiveAt: NOW - 31 * MINUTE } }).verdict).toBe('idle')
  })
  it('is never what runs a turn (US5.4)', () => {
    expect(check({ activity: { agent: 'busy', turnProgressAgeMs: 59 * MINUTE } })).toMatchObject({ verdict: 'active', reasons: [{ kind: 'turn' }] })
  })
  it('can be a turn that has stalled', () => expect(check({ activity: { agent: 'busy', turnProgressAgeMs: 61 * MINUTE } }).verdict).toBe('idle'))
  it('is not what a person types into, within its lease (US5.3)', () => {
    expect(kinds({ activity: { humanInputAgeMs: 14 * MINUTE } })).toEqual(['human'])
    expect(kinds({ activity: { humanInputAgeMs: 16 * MINUTE } })).toEqual([])
  })
  it('is not what serves a preview', () => expect(kinds({ activity: { previewAgeMs: MINUTE }, workspace: { lastActiveAt: NOW - HOUR } })).toEqual(['preview']))
  it('is held by work in the background for two hours after real work, not longer', () => {
    for (const activity of [{ cpuCores: 0.06 }, { backgroundTasks: 1 }]) {
      expect(check({ activity, workspace: { lastActiveAt: NOW - 119 * MINUTE } }).verdict).toBe('active')
      expect(check({ activity, workspace: { lastActiveAt: NOW - 121 * MINUTE } }).verdict).toBe('idle')
    }
    expect(kinds({ activity: { cpuCores: 0.05 }, workspace: { lastActiveAt: NOW - HOUR } })).toEqual([])
  })
  it('waits for an answer for two hours, then sleeps', () => {
    const input = { approvalsWaiting: 1 }
    expect(check({ input, activity: { agent: 'waiting', waitingSinceAgeMs: 119 * MINUTE } }).verdict).toBe('active')
    expect(check({ input, activity: { agent: 'waiting', waitingSinceAgeMs: 121 * MINUTE } }).verdict).toBe('idle')
  })
  it('is kept on for as long as somebody asked, also beyond the cap', () => {
    const keepAliveUntil = NOW + 100 * HOUR
    expect(kinds({ workspace: { keepAliveUntil, lastActiveAt: NOW - 11 * HOUR } })).toEqual(['keep-alive'])
    expect(check({ workspace: { keepAliveUntil, lastActiveAt: NOW - 13 * HOUR } })).toMatchObject({ verdict: 'active', stopsAt: keepAliveUntil })
    expect(check({ workspace: { keepAliveUntil: NOW - 1, lastActiveAt: NOW - 13 * HOUR } }).verdict).toBe('idle')
  })
  it('is seen in time by reports that are as frequent as the idle time is short', () => {
    expect([0, 1, 10_000, MINUTE, 30 * MINUTE, HOUR].map(reportIntervalMs)).toEqual([MINUTE, 5_000, 5_000, 10_000, MINUTE, MINUTE])
    const short = (upSince: number) => check({ workspace: { autoStopMs: 10_000 }, reportAge: 0, input: { upSince } }).verdict
    expect([short(NOW - 9_000), short(NOW - 11_000)]).toEqual(['active', 'idle'])
  })
  it('does not cap an agent at work', () => {
    expect(check({ workspace: { lastActiveAt: NOW - 13 * HOUR }, activity: { agent: 'busy', turnProgressAgeMs: 0 } }).verdict).toBe('active')
  })
  it('is never the verdict when automatic stops are off', () => expect(check({ workspace: { autoStopMs: 0 } })).toMatchObject({ verdict: 'held', stopsAt: null }))
  it('is not concluded from silence', () => {
    expect(check({ activity: null }).verdict).toBe('held')
    expect(check({ reportAge: 5 * MINUTE }).verdict).toBe('held')
    expect(check({ input: { linked: false } }).verdict).toBe('held')
  })
  it('starts counting anew after the server was away', () => {
    expect(check({ input: { upSince: NOW - 5 * MINUTE } }).verdict).toBe('active')
    expect(check({ input: { upSince: NOW - 8_000 }, workspace: { autoStopMs: 5_000 } }).verdict).toBe('held')
  })
  it('knows the newest sign of work in a report', () => {
    expect(lastActivity(quiet, NOW)).toBeNull()
    expect(lastActivity({ ...quiet, humanInputAgeMs: 5_000, previewAgeMs: 2_000 }, NOW)).toBe(NOW - 2_000)
    expect(lastActivity({ ...quiet, agent: 'busy', turnProgressAgeMs: 9_000 }, NOW)).toBe(NOW - 9_000)
  })
})

describe('two verdicts in a row', () => {
  const open = () => {
    const store = createMemoryStore('i')
    const workspace = rowOf({})
    store.put({ workspace, machine: newMachine(workspace, LONG_AGO) }, NOW)
    createFakeDaemons().connect(workspace.id)
    return { store, id: workspace.id }
  }
  const look = { now: NOW, upSince: LONG_AGO, linked: true, lastTickAt: NOW - 30_000 }
  it('stop it by idle, with the reason', async () => {
    const { store, id } = open()
    const first = await applyIdle({ store }, store.record(id), look)
    expect(first).toMatchObject({ idleVerdicts: 1, stopped: false })
    store.patch(id, { workspace: { idleVerdicts: 1 } })
    expect(await applyIdle({ store }, store.record(id), look)).toMatchObject({ idleVerdicts: 0, stopped: true })
    expect(store.record(id).workspace.wish).toMatchObject({ target: 'stopped', by: 'idle', reason: 'idle for 30 minutes' })
  })
  it('delete what was made to be deleted instead', async () => {
    const { store, id } = open()
    store.patch(id, { workspace: { idleVerdicts: 1, ephemeral: true } })
    expect((await applyIdle({ store }, store.record(id), look)).stopped).toBe(true)
    expect(store.record(id).workspace.wish).toMatchObject({ target: 'deleted', by: 'idle', reason: 'idle for 30 minutes' })
  })
  it('come from two reports, not from two looks at one', async () => {
    const { store, id } = open()
    store.patch(id, { workspace: { idleVerdicts: 1 } })
    expect(await applyIdle({ store }, store.record(id), { ...look, lastTickAt: NOW })).toMatchObject({ idleVerdicts: 1, stopped: false })
  })
  it('lose against activity that came meanwhile', async () => {
    const { store, id } = open()
    const seen = { ...store.record(id), workspace: { ...store.record(id).workspace, idleVerdicts: 1 } }
    store.patch(id, { workspace: { lastActiveAt: NOW + 1 } })
    expect(await applyIdle({ store }, seen, look)).toMatchObject({ idleVerdicts: 0, stopped: false })
    expect(store.record(id).workspace.wish.target).toBe('running')
  })
  it('lose against another wish', async () => {
    const { store, id } = open()
    const seen = { ...store.record(id), workspace: { ...store.record(id).workspace, idleVerdicts: 1 } }
    await store.setWish(id, { target: 'running', by: 'user', reason: null }, NOW)
    expect((await applyIdle({ store }, seen, look)).stopped).toBe(false)
  })
})
