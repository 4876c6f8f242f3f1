import { expect, test } from 'bun:test'
import { createLedger, type LedgerAccount, type LedgerCall, type Opened } from './ledger.ts'

const account = (key: string, limitMicros: number, spent = 0): LedgerAccount => ({ key, limitMicros, spent: async () => spent })
const callOf = (opened: Opened): LedgerCall => {
  if ('call' in opened) return opened.call
  throw new Error(opened.refused)
}

test('calls that begin at once cannot pass a limit together', async () => {
  const ledger = createLedger()
  const opened = await Promise.all(Array.from({ length: 50 }, () => ledger.open([account('w', 100)], 30)))
  expect(opened.filter((one) => 'call' in one)).toHaveLength(3)
  for (const one of opened) if ('call' in one) one.call.end()
  expect('call' in await ledger.open([account('w', 100)], 1000)).toBe(true)
})

test('what a call uses beyond what was put aside counts, for each of its accounts', async () => {
  const ledger = createLedger()
  const one = callOf(await ledger.open([account('w', 1000), account('u', 100)], 10))
  const two = callOf(await ledger.open([account('x', 1000), account('u', 100)], 10))
  one.used(60)
  expect(two.over()).toBeNull()
  two.used(41)
  expect([one.over()?.key, two.over()?.key]).toEqual(['u', 'u'])
  // What ended is remembered for who read the store before.
  one.end()
  expect(two.over()?.key).toBe('u')
  expect(await ledger.open([account('u', 100, 60)], 10)).toMatchObject({ refused: 'wait', by: { key: 'u' } })
  two.end()
  expect(await ledger.open([account('w', 1000), account('u', 100, 101)], 10)).toMatchObject({ refused: 'stop', by: { key: 'u' } })
})

test('a store that is away leaves nothing behind', async () => {
  const ledger = createLedger()
  await expect(ledger.open([account('w', 100), { key: 'u', limitMicros: 1, spent: () => Promise.reject(new Error('away')) }], 100)).rejects.toThrow('away')
  expect('call' in await ledger.open([account('w', 100)], 100)).toBe(true)
})
