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
})
