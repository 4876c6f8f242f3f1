/** The driver's patch (patches/): a transaction keeps its connection also while many reads fill the pipeline. */
import { expect, test } from 'bun:test'
import { openTestDatabase } from './testing.ts'

const ROUNDS = 2
const READS = 3000
const TRANSACTION_EVERY = 300

test('transactions among thousands of reads stay on their own connection', async () => {
  const database = await openTestDatabase()
  try {
    const { sql } = database
    const failures: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const work: Promise<unknown>[] = []
      for (let index = 0; index < READS; index++) {
        work.push(sql`select ${index}::int as n`)
        if (index % TRANSACTION_EVERY === 0) work.push(sql.begin(async (transaction) => {
          const [first] = await transaction`select pg_backend_pid() as pid, txid_current()::text as xid`
          const [second] = await transaction`select pg_backend_pid() as pid, txid_current()::text as xid`
          expect(second).toEqual(first)
        }))
      }
      for (const { reason } of (await Promise.allSettled(work)).filter((result) => result.status === 'rejected')) failures.push(String(reason))
    }
    expect(failures).toEqual([])
  } finally {
    await database.close()
  }
})
