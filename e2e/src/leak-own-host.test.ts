/** Processes and computers of this host: none stands that nobody wants, whenever in a call the server dies; and what would be left is found. */
import { describe, expect, test } from 'bun:test'
import type { Provider } from '@berth/core'
import { live } from './leak/lifecycle.ts'
import { openLocal, openVm } from './leak/own-host.ts'
import type { Open } from './leak/vendor.ts'

/** Each starts some ten processes or computers. More of them: `bun run leak -- --vendor vm`. */
const LIVES = Number(process.env['BERTH_LIVES'] ?? 8)
/** Lives after which a mutant that was not found is one that cannot be: when a process begins and ends is not the seed's to say. */
const TRIES = 30
const KINDS: Readonly<Record<string, Open>> = { processes: openLocal, computers: openVm }

for (const [what, open] of Object.entries(KINDS)) {
  test(`after ${LIVES} random lives no ${what} stand but what is wanted, and nothing when all is deleted`, async () => {
    for (let seed = 1; seed <= LIVES; seed += 1) expect({ seed, ...(await live(open, seed)) }).toMatchObject({ seed, problems: [] })
  }, 300_000)
}

const FAULTS: Readonly<Record<string, (provider: Provider) => Provider>> = {
  'a stop is not asked of the machine': (provider) => ({ ...provider, stop: async () => ({ done: true, value: { state: 'stopped', exitCode: 0, detail: null } }) }),
  'what vanished before it was destroyed is taken for destroyed': (provider) => ({ ...provider, destroy: async (owner, context) => ((await provider.observe(owner, context.signal)).observed.state === 'running' ? provider.destroy(owner, context) : { done: true, value: null }) }),
}
describe('a fault of ours is found', () => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    test(name, async () => {
      let found: readonly string[] = []
      for (let seed = 1; seed <= TRIES && found.length === 0; seed += 1) found = (await live(openVm, seed, { provider: fault })).problems
      expect(found.length).toBeGreaterThan(0)
    }, 300_000)
  }
})
