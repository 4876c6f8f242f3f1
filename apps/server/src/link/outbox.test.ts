import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createMux } from '@berth/wire/mux'
import { createOutbox } from './outbox.ts'

/** Around the sizes at which a frame leaves by itself, and a payload apart from its head. */
const sizes = fc.constantFrom(1, 3000, 8187, 8188, 16 * 1024 - 1, 16 * 1024, 64 * 1024, 300_000)
const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), stream: fc.nat(2), bytes: sizes }),
  fc.record({ do: fc.constant('text' as const) }),
  fc.record({ do: fc.constant('drain' as const), share: fc.constantFrom(0, 0.5, 1) }),
  fc.record({ do: fc.constant('turn' as const) }),
)

test('heads stay with what was sent apart from them, however full the socket is and whatever is sent between', async () => {
  let refusals = 0
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
    let buffered = 0
    const faults: string[] = []
    const came = new Map<number, number[]>()
    const daemon = createMux({
      role: 'daemon', send: (frame) => { server.receive(frame.slice()) }, onFault: (reason) => { faults.push(reason) },
      onOpen(open, stream) {
        const { at } = open as { at: number }
        came.set(at, [])
        const direct = stream.direct({
          onBytes() { for (let bytes = direct.read(); bytes !== null; bytes = direct.read()) for (const byte of bytes) came.get(at)?.push(byte) },
          onRoom() {}, onOver() {},
        })
      },
    })
    const outbox = createOutbox({
      send(data) {
        buffered += data.length
        if (typeof data !== 'string') daemon.receive(data.slice())
        return data.length
      },
      getBufferedAmount: () => buffered,
      cork: (work) => { work() },
    }, () => { server.drained() })
    const server = createMux({ role: 'server', apart: () => true, send: (frame) => outbox.frame(frame), onOpen: () => {} })
    const drain = (share: number): void => {
      buffered = Math.floor(buffered * (1 - share))
      if (outbox.drained()) server.drained()
    }
    const wanted: number[][] = [[], [], []]
    const writers = await Promise.all(wanted.map(async (_, at) => {
      const stream = await server.open({ at })
      const waiting: Uint8Array[] = []
      const go = (): void => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const taken = direct.write(next)
          // They are the writer's again.
          const rest = next.slice(taken)
          next.fill(0xee)
          if (rest.length > 0) return void waiting.unshift(rest)
        }
      }
      const direct = stream.direct({ onBytes() {}, onRoom: go, onOver() {} })
      return (bytes: Uint8Array) => {
        waiting.push(bytes)
        if (waiting.length === 1) go()
        if (waiting.length > 0) refusals += 1
      }
    }))
    let count = 0
    for (const each of steps) {
      if (each.do === 'text') outbox.text('{"type":"ping"}')
      else if (each.do === 'drain') drain(each.share)
      else if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve))
      else {
        const bytes = new Uint8Array(each.bytes).map((_, at) => (at * 7 + count * 31 + at / 256) & 255)
        count += 1
        for (const byte of bytes) wanted[each.stream]?.push(byte)
        writers[each.stream]?.(bytes)
      }
    }
    const total = (lists: Iterable<number[]>): number => [...lists].reduce((sum, list) => sum + list.length, 0)
    for (let turn = 0; turn < 500 && total(came.values()) < total(wanted); turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      drain(1)
    }
    expect(faults).toEqual([])
    for (const [at, bytes] of wanted.entries()) expect(Buffer.compare(Buffer.from(came.get(at) ?? []), Buffer.from(bytes))).toBe(0)
    server.close('end of test')
    daemon.close('end of test')
  }), { numRuns: 60 })
  expect(refusals).toBeGreaterThan(0)
}, 60_000)
