/**
 * `berth server start` until it answers: in a home that never held anything, and in one that does. The floor is the
 * database alone, made and started by the same code.
 */
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '@berth/store'
import { median, RUNS, spread, timed } from './measure.ts'
import type { Bench } from './measure.ts'
import { removeHome, startProduct } from './product.ts'

export const serverStart: Bench = {
  name: 'server-start',
  summary: 'cold and warm start of the server, against its database alone',
  async *run({ signal }) {
    const cold: number[] = []
    const warm: number[] = []
    const coldFloor: number[] = []
    const warmFloor: number[] = []
    for (let run = 0; run < RUNS; run++) {
      signal.throwIfAborted()
      const [first, second] = await databaseTwice()
      coldFloor.push(first)
      warmFloor.push(second)
      const [fresh, again] = await serverTwice()
      cold.push(fresh)
      warm.push(again)
    }
    yield { name: 'server-start-cold', value: median(cold), unit: 'ms', floor: median(coldFloor), detail: `a fresh home until the CLI has its answer; floor: initdb and PostgreSQL alone; ${spread(cold, 'ms')}` }
    yield { name: 'server-start-warm', value: median(warm), unit: 'ms', floor: median(warmFloor), detail: `a home in use; floor: PostgreSQL alone; ${spread(warm, 'ms')}` }
  },
}

async function serverTwice(): Promise<[number, number]> {
  const product = startProduct()
  try {
    const cold = await timed(() => product.cli(['server', 'start']))
    await product.cli(['server', 'stop'])
    return [cold, await timed(() => product.cli(['server', 'start']))]
  } finally {
    await product.close()
  }
}

async function databaseTwice(): Promise<[number, number]> {
  const home = mkdtempSync(join(tmpdir(), 'berth-bench-pg-'))
  chmodSync(home, 0o711)
  const taken: number[] = []
  try {
    for (let start = 0; start < 2; start++) {
      const since = performance.now()
      const database = await startEmbedded({ home })
      taken.push(performance.now() - since)
      await database.stop()
    }
  } finally {
    removeHome(home)
  }
  const [first = 0, second = 0] = taken
  return [first, second]
}
