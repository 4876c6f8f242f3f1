/** What a server that has nothing to do holds, with its database, a while after it started. */
import { descendants, median, MB, pssBytes, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'

const SETTLE_MS = 3000
const GOAL_MB = 120

export const serverMemory: Bench = {
  name: 'server-memory',
  summary: 'PSS of the idle server and its PostgreSQL',
  async *run({ signal }) {
    const totals: number[] = []
    const servers: number[] = []
    const product = startProduct()
    try {
      for (let run = 0; run < RUNS; run++) {
        signal.throwIfAborted()
        await product.cli(['server', 'start'])
        await Bun.sleep(SETTLE_MS)
        const { pid } = product.server()
        const family = descendants(pid)
        servers.push(pssBytes(pid) / MB)
        totals.push(family.reduce((sum, member) => sum + pssBytes(member), 0) / MB)
        await product.cli(['server', 'stop'])
      }
    } finally {
      await product.close()
    }
    const own = median(servers)
    yield { name: 'server-memory', value: median(totals), unit: 'MB', floor: null, goal: { valueAtMost: GOAL_MB }, detail: `PSS of server (${own.toFixed(0)}) and database, ${SETTLE_MS / 1000} s after the start; ${spread(totals, 'MB')}` }
  },
}
