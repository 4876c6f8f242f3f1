import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Assignment } from '@berth/wire/daemon'
import { SAVED_MEMORY_LIMIT } from '@berth/wire/saved-methods'
import { openJournal } from '../../journal/journal.ts'
import { gatherMemory, readMemory } from './memory.ts'

let root = ''
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'berth-memory-')) })
afterEach(() => rmSync(root, { recursive: true, force: true }))

// Only who the agents are is asked of it.
const assignment = { agent: { kind: 'codex', sessionId: 'ses_000000000001' }, sessions: [] } as unknown as Assignment
const journalAt = (name: string, now: () => number) => openJournal({ path: join(root, name), now })
function gathered(journal: ReturnType<typeof openJournal>) {
  const framed = gatherMemory(journal, assignment)
  const length = new DataView(framed.buffer).getUint32(0)
  expect(framed.length).toBe(4 + length)
  return { length, memory: readMemory(framed.subarray(4), []) }
}

test('of more keys than fit the newest are saved, also when they are saved again elsewhere', () => {
  let now = 1_000_000_000_000
  const journal = journalAt('here', () => now)
  // They grow when they are written down.
  const [older, newer] = ['older', 'newer'].map((name) => Array.from({ length: 1800 }, (_, at) => `${name}-${at}-${'é"'.repeat(3000)}`)) as [string[], string[]]
  journal.set('conversation.ses_000000000001', 'kept')
  journal.transaction(() => {
    journal.recall({ values: {}, keys: newer })
    now -= 60_000_000
    journal.recall({ values: {}, keys: older })
    now += 120_000_000
    for (const key of ['first', 'second', 'third']) {
      now += 1
      journal.append({ type: 'gap', from: 1, to: 1, why: key }, { key })
    }
  })
  const { length, memory } = gathered(journal)
  expect(length).toBeLessThanOrEqual(SAVED_MEMORY_LIMIT)
  expect(length).toBeGreaterThan(SAVED_MEMORY_LIMIT - 20_000)
  expect(memory.keys.length).toBeGreaterThan(newer.length)
  expect(memory.keys).toEqual(['third', 'second', 'first', ...newer, ...older].slice(0, memory.keys.length))
  expect(memory.values).toEqual({ 'conversation.ses_000000000001': 'kept' })
  const there = journalAt('there', () => now)
  there.recall(memory)
  expect(gathered(there).memory).toEqual(memory)
  for (const one of [journal, there]) one.close()
})

test('what fits is saved whole', () => {
  const journal = journalAt('here', () => 1_000)
  journal.recall({ values: {}, keys: ['b', 'a', 'é'] })
  expect(gathered(journal).memory.keys).toEqual(['b', 'a', 'é'])
  journal.close()
})
