/** Nothing is paid for that nobody wants, whatever the vendor does and whenever the server dies; and what would leak is found. */
import { describe, expect, test } from 'bun:test'
import { live } from './leak/lifecycle.ts'
import { MUTANTS } from './leak/mutants.ts'

const LIVES = 300
/** Seeds after which a mutant that was not found is one that cannot be. */
const TRIES = 300

test(`the bill of ${LIVES} random lives comes to what is wanted, and to nothing when all is deleted`, async () => {
  for (let seed = 1; seed <= LIVES; seed += 1) expect({ seed, ...(await live(seed)) }).toMatchObject({ seed, problems: [] })
}, 300_000)

describe('a fault of ours is found', () => {
  for (const [name, mutant] of Object.entries(MUTANTS)) {
    test(name, async () => {
      let found: readonly string[] = []
      for (let seed = mutant.seed; seed < mutant.seed + TRIES && found.length === 0; seed += 1) found = (await live(seed, mutant)).problems
      expect(found.length).toBeGreaterThan(0)
    }, 300_000)
  }
})
