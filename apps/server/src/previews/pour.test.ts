/** A body of known length, from pieces of any size to a visitor that takes what it likes. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createPouring } from './pour.ts'
import type { Pouring } from './pour.ts'

function world(pieces: readonly Uint8Array[]) {
  const waiting = [...pieces]
  const behind: Uint8Array[] = []
  const taken: Uint8Array[] = []
  const state = { room: 0, ended: false, listener: null as (() => void) | null }
  return {
    state, behind, taken: () => Buffer.concat(taken),
    source: { read: () => waiting.shift() ?? null, unread: (bytes: Uint8Array) => void behind.push(bytes), get ended() { return state.ended && waiting.length === 0 } },
    sink: {
      take(bytes: Uint8Array) {
        const size = Math.min(bytes.length, state.room)
        state.room -= size
        taken.push(bytes.slice(0, size))
        return size
      },
      onRoom(listener: (() => void) | null) { state.listener = listener },
    },
    come(pouring: Pouring, bytes: Uint8Array) {
      waiting.push(bytes)
      pouring.on()
    },
  }
}
const settled = async (pouring: Pouring): Promise<string> => Promise.race([pouring.done.then(() => 'done', (cause: Error) => cause.message), Promise.resolve().then(() => Promise.resolve()).then(() => 'under way')])

test('comes whole and in order, and what lies behind it stays there', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ size: fc.integer({ min: 1, max: 90_000 }), room: fc.integer({ min: 0, max: 150_000 }) }), { minLength: 1, maxLength: 40 }), fc.nat({ max: 100 }),
    async (steps, more) => {
      const said = steps.map(({ size }, index) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + index) & 255))
      const whole = Buffer.concat(said)
      const length = Math.max(1, whole.length - more)
      const { state, behind, taken, source, sink, come } = world([])
      const pouring = createPouring(source, sink, length)
      for (const [index, piece] of said.entries()) {
        state.room = steps[index]?.room ?? 0
        come(pouring, piece)
      }
      expect(await settled(pouring)).toBe(taken().length === length ? 'done' : 'under way')
      state.room = Number.MAX_SAFE_INTEGER
      state.listener?.()
      expect(await settled(pouring)).toBe('done')
      expect(taken().equals(whole.subarray(0, length))).toBe(true)
      expect(Buffer.concat([...behind, ...drained(source)]).equals(whole.subarray(length))).toBe(true)
      expect(state.listener).toBeNull()
    },
  ), { numRuns: 60 })
})
function drained(source: { read(): Uint8Array | null }): Uint8Array[] {
  const rest: Uint8Array[] = []
  for (let piece = source.read(); piece !== null; piece = source.read()) rest.push(piece)
  return rest
}

test('a body that breaks off is not taken for whole', async () => {
  const ended = world([new Uint8Array(5)])
  Object.assign(ended.state, { room: 100, ended: true })
  expect(await settled(createPouring(ended.source, ended.sink, 6))).toBe('the body broke off')
  const failing = world([new Uint8Array(5)])
  const pouring = createPouring(failing.source, failing.sink, 6)
  pouring.fail(new Error('the link closed'))
  failing.state.room = 100
  failing.come(pouring, new Uint8Array(5))
  expect([await settled(pouring), failing.taken().length]).toEqual(['the link closed', 0])
})

test('memory is given back when all of it went, and not while something behind it is read', async () => {
  const [first, last] = [new Uint8Array(20_000), new Uint8Array(20_000).fill(3)]
  const { state, behind, source, sink } = world([first, last])
  state.room = Number.MAX_SAFE_INTEGER
  expect(await settled(createPouring(source, sink, 30_000))).toBe('done')
  expect([first.length, last.length, behind[0]?.length, behind[0]?.[0]]).toEqual([0, 20_000, 10_000, 3])
})
