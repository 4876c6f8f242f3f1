import { expect, test } from 'bun:test'
import { createShared } from './shared-reads.ts'

test('a read serves all who asked before it began, and nobody who asked later', async () => {
  const shared = createShared()
  const gates: (() => void)[] = []
  let value = 0
  const read = async (): Promise<number> => {
    const seen = ++value
    await new Promise<void>((open) => { gates.push(open) })
    return seen
  }
  const first = [shared('a', read), shared('a', read)]
  await Promise.resolve()
  await Promise.resolve()
  expect(value).toBe(1)
  const second = [shared('a', read), shared('a', read), shared('a', read)]
  gates[0]?.()
  expect(await Promise.all(first)).toEqual([1, 1])
  while (gates.length < 2) await Promise.resolve()
  gates[1]?.()
  expect(await Promise.all(second)).toEqual([2, 2, 2])
})

test('one that failed is read again by the next', async () => {
  const shared = createShared()
  expect(await shared('a', () => Promise.reject(new Error('away'))).catch((error: unknown) => String(error))).toBe('Error: away')
  expect(await shared('a', async () => 'here')).toBe('here')
})
