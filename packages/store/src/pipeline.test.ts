/** The driver's patch (patches/): a transaction keeps its connection also when its BEGIN is the one that fills the pipeline. */
import { expect, test } from 'bun:test'
import { connect } from './address.ts'
import { openTestDatabase } from './testing.ts'

/** The driver's limit of queries under way on one connection. */
const PIPELINE = 100

test('a transaction that begins at the end of a full pipeline has its connection to itself', async () => {
  const database = await openTestDatabase()
  const sql = connect(database.address, { max: 1 })
  try {
    await sql`select 1`
    for (let reads = PIPELINE - 5; reads <= PIPELINE + 5; reads++) {
      // Queries are lazy: they are under way only once executed.
      const before = Array.from({ length: reads }, () => sql`select 1`.execute())
      const transaction = sql.begin(async (inside) => {
        const first = await inside`select txid_current()::text as xid`
        expect(await inside`select txid_current()::text as xid`).toEqual(first)
      })
      const after = Array.from({ length: 20 }, () => sql`select 1`.execute())
      const results = await Promise.allSettled([...before, transaction, ...after])
      expect([reads, results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))]).toEqual([reads, []])
    }
  } finally {
    await sql.end()
    await database.close()
  }
})
