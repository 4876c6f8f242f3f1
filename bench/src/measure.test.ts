import { describe, expect, test } from 'bun:test'
import { descendants, judge, median, percentile, pssBytes, rounded, sideBySide, within } from './measure.ts'
import type { Figure } from './measure.ts'

const check = (figure: Partial<Figure>) => judge({ name: 'x', value: 10, unit: 'ms', floor: 5, detail: '', ...figure })

describe('a figure is judged', () => {
  test('by its value and by its ratio, and needs both', () => {
    expect(check({ goal: { valueAtMost: 10, ratioAtMost: 2 } })).toMatchObject({ ratio: 2, pass: true, goal: '<= 2x and <= 10 ms' })
    expect(check({ goal: { valueAtMost: 9.9, ratioAtMost: 2 } }).pass).toBe(false)
    expect(check({ goal: { valueAtMost: 10, ratioAtMost: 1.9 } }).pass).toBe(false)
  })
  test('from below where more is better', () => {
    expect(check({ unit: 'MB/s', goal: { valueAtLeast: 10 } })).toMatchObject({ pass: true, goal: '>= 10 MB/s' })
    expect(check({ goal: { ratioAtLeast: 2.1 } }).pass).toBe(false)
  })
  test('not at all without a goal, and never met by a ratio without a floor', () => {
    expect(check({})).toMatchObject({ goal: null, pass: null })
    expect(check({ floor: null, goal: { ratioAtMost: 3 } })).toMatchObject({ ratio: null, pass: false })
  })
  test('before it is rounded', () => {
    expect(check({ value: 10.004, goal: { valueAtMost: 10 } })).toMatchObject({ value: 10, pass: false })
  })
})

test('median and percentiles are of the sorted values', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([percentile(hundred, 95), percentile(hundred, 99), percentile(hundred, 100)]).toEqual([95, 99, 100])
  expect(() => median([])).toThrow('nothing was measured')
})

test('rounding keeps three digits, and all of a whole number', () => {
  expect([rounded(0.012345), rounded(12.345), rounded(123_456), rounded(1000), rounded(0)]).toEqual([0.0123, 12.3, 123_456, 1000, 0])
})

test('both sides run turn about, the first pair uncounted', async () => {
  const order: string[] = []
  let ours = 0
  const result = await sideBySide(new AbortController().signal, async () => { order.push('ours'); return ours++ }, async () => { order.push('floor'); return 7 }, 3)
  expect(order).toEqual(['floor', 'ours', 'floor', 'ours', 'floor', 'ours', 'floor', 'ours'])
  expect(result).toEqual({ value: 2, floor: 7, values: [1, 2, 3] })
})

test('what does not come in time is an error with a name', async () => {
  expect(await within(5, 'the answer', new Promise<never>(() => {})).catch((error: unknown) => error)).toMatchObject({ code: 'timeout', message: 'the answer: not seen within 0.005 s' })
})

test.skipIf(process.platform !== 'linux')('memory is read of this process, and a child is among its descendants', async () => {
  expect(pssBytes(process.pid)).toBeGreaterThan(1_000_000)
  const child = Bun.spawn(['sleep', '60'], { stdout: 'ignore' })
  try {
    expect(descendants(process.pid)).toContain(child.pid)
  } finally {
    child.kill()
    await child.exited
  }
  expect(() => pssBytes(child.pid)).toThrow('cannot be read')
})
