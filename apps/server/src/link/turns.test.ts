import { expect, test } from 'bun:test'
import { createTurns } from './turns.ts'

const signal = new AbortController().signal
const LONG_MS = 1_000_000

test('so many at once, the others in the order in which they came', async () => {
  const turns = createTurns({ atOnce: 2, waitMs: LONG_MS })
  const began: string[] = []
  const take = async (name: string): Promise<() => void> => {
    const end = await turns.take(signal)
    began.push(name)
    return end
  }
  const [first, second] = [await take('first'), await take('second')]
  const [third, fourth] = [take('third'), take('fourth')]
  await Promise.resolve()
  expect(began).toEqual(['first', 'second'])
  first()
  first()
  const endThird = await third
  expect(began).toEqual(['first', 'second', 'third'])
  endThird()
  await fourth
  second()
  await take('fifth')
  expect(began).toEqual(['first', 'second', 'third', 'fourth', 'fifth'])
})

test('who leaves the line has no turn, and takes nobody\'s', async () => {
  const turns = createTurns({ atOnce: 1, waitMs: LONG_MS })
  const end = await turns.take(signal)
  const leaving = new AbortController()
  const left = turns.take(leaving.signal).catch((cause: Error) => cause.message)
  const next = turns.take(signal)
  leaving.abort(new Error('left'))
  expect(await left).toBe('left')
  end()
  expect(await next).toBeFunction()
  await expect(turns.take(leaving.signal)).rejects.toThrow('left')
})

test('nobody waits for ever', async () => {
  const turns = createTurns({ atOnce: 1, waitMs: 1 })
  await turns.take(signal)
  expect(await turns.take(signal)).toBeFunction()
})
