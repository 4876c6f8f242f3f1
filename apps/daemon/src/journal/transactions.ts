/** Transactions that may be nested: an inner one that throws undoes only its own work. */
import type { Database } from 'bun:sqlite'

export interface Transactions {
  run<T>(work: () => T): T
}

export function createTransactions(db: Database, on: { undone(outermost: boolean): void; committed(): void }): Transactions {
  let depth = 0

  function undo(level: number): void {
    // Some errors (a full disk) have ended the transaction already.
    if (db.inTransaction) db.run(level === 0 ? 'ROLLBACK' : `ROLLBACK TO s${level}`)
    if (db.inTransaction && level > 0) db.run(`RELEASE s${level}`)
    on.undone(level === 0)
  }

  return {
    run(work) {
      const level = depth
      db.run(level === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT s${level}`)
      depth = level + 1
      let value: ReturnType<typeof work>
      try {
        value = work()
        if (value instanceof Promise) throw new TypeError('a transaction of the journal cannot wait')
        db.run(level === 0 ? 'COMMIT' : `RELEASE s${level}`)
      } catch (error) {
        undo(level)
        throw error
      } finally {
        depth = level
      }
      if (level === 0) on.committed()
      return value
    },
  }
}
