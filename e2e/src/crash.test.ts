/** Kill -9 at drawn points. `bun run crash -- --runs 1000` is the long one; a red sweep is had again by its seed. */
import { describe, expect, test } from 'bun:test'
import type { CrashOptions } from './crash/life.ts'
import { KILL_KINDS } from './crash/plan.ts'
import { runCrashes, type CrashReport } from './crash/sweep.ts'

/** Each sweep ends by itself, and closes what it started, well before whoever runs the tests would end it. */
const SWEEP_MS = 400_000
const SMALL_SWEEP_MS = 150_000
const CLOSING_MS = 60_000

const log = (line: string): void => { process.stderr.write(`${line}\n`) }
const sweep = (options: CrashOptions, withinMs: number): Promise<CrashReport> => runCrashes({ log, signal: AbortSignal.timeout(withinMs), ...options })

describe('kill -9', () => {
  test('loses, doubles, reorders and leaks nothing in 60 crashes', async () => {
    const report = await sweep({ runs: 60, seed: 20, real: 1 }, SWEEP_MS)
    expect(report.complaints).toEqual([])
    for (const kind of KILL_KINDS) expect(report.kills[kind]).toBeGreaterThanOrEqual(10)
    expect(report.real).toBeGreaterThan(0)
    expect(report.numbers).toBeGreaterThan(100)
    expect(report.approvals).toBeGreaterThan(3)
  }, SWEEP_MS + CLOSING_MS)

  const small = { subjects: 1, inFullFlow: true, kinds: ['daemon'] } as const
  test('turns red when what is sent again is stored again', async () => {
    const report = await sweep({ ...small, runs: 10, seed: 1, fault: 'no-dedupe' }, SMALL_SWEEP_MS)
    expect(report.complaints.join('\n')).toContain('were kept; from place')
  }, SMALL_SWEEP_MS + CLOSING_MS)

  test('stays green when a copied machine speaks late', async () => {
    const report = await sweep({ ...small, runs: 3, seed: 2, fault: 'late' }, SMALL_SWEEP_MS)
    expect(report.complaints).toEqual([])
    expect(report.twins).toBeGreaterThan(0)
  }, SMALL_SWEEP_MS + CLOSING_MS)

  test('turns red when old epochs may write', async () => {
    const report = await sweep({ ...small, runs: 3, seed: 2, fault: 'no-fencing' }, SMALL_SWEEP_MS)
    expect(report.twins).toBeGreaterThan(0)
    expect(report.complaints.join('\n')).toContain('number 999999')
  }, SMALL_SWEEP_MS + CLOSING_MS)

  test('ends quietly when it is told to end, and leaves nothing', async () => {
    const stop = new AbortController()
    const told: string[] = []
    const report = await runCrashes({
      ...small, runs: 50, seed: 3, signal: stop.signal,
      log(line) {
        told.push(line)
        if (line.includes('2: daemon')) stop.abort()
      },
    })
    expect(report.complaints).toEqual([`ended after ${report.runs} of 50 runs`])
    expect(report.runs).toBeLessThan(50)
    expect(told.join('\n')).not.toContain('server.log')
  }, SMALL_SWEEP_MS + CLOSING_MS)
})
