/** Two ends joined by a network that is held back and let go by hand. */
import { expect, test } from 'bun:test'
import { createReachPipe, REACH_CLOSE, REACH_MESSAGE_LIMIT, REACH_WINDOW } from './reach-pipe.ts'
import type { ReachPipe } from './reach-pipe.ts'

interface End { readonly pipe: ReachPipe; taken: number; ended: boolean; readonly closes: { code: number; reason: string }[]; /** Takes what waits. */ take(): void }

function pair(slow: boolean): { one: End; other: End; underWay(): number } {
  const ends: End[] = []
  let underWay = 0
  const make = (index: number): End => {
    const waiting: (() => void)[] = []
    const end: End = {
      taken: 0, ended: false, closes: [],
      take() { for (const take of waiting.splice(0)) take() },
      pipe: createReachPipe(
        {
          send(data) {
            if (typeof data !== 'string') underWay += data.length
            queueMicrotask(() => ends[1 - index]?.pipe.message(typeof data === 'string' ? data : data.slice()))
          },
          close(code, reason) { end.closes.push({ code, reason }); ends[1 - index]?.pipe.closed() },
        },
        {
          write: (bytes) => new Promise<void>((resolve) => {
            const take = (): void => { end.taken += bytes.length; underWay -= bytes.length; resolve() }
            if (slow) waiting.push(take)
            else take()
          }),
          end: async () => { end.ended = true },
        },
      ),
    }
    return end
  }
  ends.push(make(0), make(1))
  return { one: ends[0] as End, other: ends[1] as End, underWay: () => underWay }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('bytes go both ways, each way ends by itself', async () => {
  const { one, other } = pair(false)
  await one.pipe.send(new Uint8Array(3 * REACH_MESSAGE_LIMIT + 1))
  one.pipe.end()
  await turn()
  expect([other.taken, other.ended, one.ended]).toEqual([3 * REACH_MESSAGE_LIMIT + 1, true, false])
  await other.pipe.send(new Uint8Array(10))
  other.pipe.end()
  await Promise.all([one.pipe.finished, other.pipe.finished])
  expect([one.taken, one.ended]).toEqual([10, true])
})

test('a writer waits for a reader that does not take, and goes on when it does', async () => {
  const { one, other, underWay } = pair(true)
  const total = 5 * REACH_WINDOW
  let sent = false
  const sending = one.pipe.send(new Uint8Array(total)).then(() => { sent = true })
  await turn()
  expect(sent).toBe(false)
  expect(underWay()).toBeLessThanOrEqual(REACH_WINDOW)
  for (let round = 0; round < 1000 && !sent; round++) {
    other.take()
    await turn()
    expect(underWay()).toBeLessThanOrEqual(REACH_WINDOW)
  }
  await sending
  other.take()
  await turn()
  expect(other.taken).toBe(total)
})

test('who sends more than the window, or what is no message, is cut off', async () => {
  const check = async (hurt: (end: End) => void): Promise<number | undefined> => {
    const { one } = pair(true)
    hurt(one)
    await turn()
    return one.closes[0]?.code
  }
  const flood = (end: End): void => { for (let at = 0; at <= REACH_WINDOW; at += REACH_MESSAGE_LIMIT) end.pipe.message(new Uint8Array(REACH_MESSAGE_LIMIT)) }
  expect(await check(flood)).toBe(REACH_CLOSE.tooFast)
  for (const text of ['', '-1', '1e3', 'x', '99', '1'.repeat(30)]) expect(await check((end) => end.pipe.message(text))).toBe(REACH_CLOSE.unreadable)
  expect(await check((end) => { end.pipe.message(new Uint8Array(0)); end.pipe.message(new Uint8Array(1)) })).toBe(REACH_CLOSE.unreadable)
})

test('who waits for room hears of the end', async () => {
  const { one } = pair(true)
  const sending = one.pipe.send(new Uint8Array(2 * REACH_WINDOW)).then(() => 'sent', () => 'over')
  await turn()
  one.pipe.closed()
  expect(await sending).toBe('over')
  await one.pipe.finished
})

test('a reason is cut between letters to what a close may carry', () => {
  const { one } = pair(false)
  one.pipe.close(REACH_CLOSE.refused, 'ä'.repeat(100))
  expect(new TextEncoder().encode(one.closes[0]?.reason).length).toBeLessThanOrEqual(123)
  expect(one.closes[0]?.reason).toMatch(/^ä+$/)
})
