import { expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import { arriving } from './arriving.ts'

it('passes every byte on and notes it once a minute', async () => {
  let now = 0
  const noted: number[] = []
  const deps = { clock: { now: () => now }, log: () => {}, store: { noteArrival: async (_: unknown, at: number) => { noted.push(at) } } }
  const pieces = ['a', 'b', 'c', 'd'].map((text) => new TextEncoder().encode(text))
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift()
      if (piece) controller.enqueue(piece)
      else controller.close()
      now += 40_000
    },
  }, { highWaterMark: 0 })
  const request = arriving(deps, randomIds.workspace(), new Request('http://x/', { method: 'PUT', body, headers: { 'x-kept': 'yes' } }))
  expect(request.headers.get('x-kept')).toBe('yes')
  expect(await request.text()).toBe('abcd')
  expect(noted.length).toBe(2)
})
