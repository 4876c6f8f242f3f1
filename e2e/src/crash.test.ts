/** Kill -9 at drawn points. `bun run crash -- --runs 1000` is the long one; a red sweep is had again by its seed. */
import { describe, expect, test } from 'bun:test'
import { KILL_KINDS } from './crash/plan.ts'
import { runCrashes } from './crash/sweep.ts'

const log = (line: string): void => { process.stderr.write(`${line}\n`) }

describe('kill -9', () => {
  test('loses, doubles, reorders and leaks nothing in 60 crashes', async () => {
    const report = await runCrashes({ runs: 60, seed: 20, real: 1, log })
    expect(report.complaints).toEqual([])
    for (const kind of KILL_KINDS) expect(report.kills[kind]).toBeGreaterThanOrEqual(10)
    expect(report.numbers).toBeGreaterThan(100)
    expect(report.approvals).toBeGreaterThan(3)
  }, 480_000)

  const small = { runs: 10, subjects: 1, delayMs: 5, kinds: ['daemon'], log } as const
  test('turns red when what is sent again is stored again', async () => {
    const report = await runCrashes({ ...small, seed: 1, fault: 'no-dedupe' })
    expect(report.complaints.join('\n')).toContain('were kept; from place')
  }, 240_000)

  test('stays green when a copied machine speaks late, and turns red when old epochs may write', async () => {
    const fenced = await runCrashes({ ...small, runs: 3, seed: 2, fault: 'late' })
    expect(fenced.complaints).toEqual([])
    expect(fenced.twins).toBeGreaterThan(0)
    const report = await runCrashes({ ...small, runs: 3, seed: 2, fault: 'no-fencing' })
    expect(report.twins).toBeGreaterThan(0)
    expect(report.complaints.join('\n')).toContain('number 999999')
  }, 240_000)
})
