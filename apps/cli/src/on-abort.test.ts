import { expect, it } from 'bun:test'
import { onAbort } from './on-abort.ts'

it('stops once: when it is told to, or at once when it was told before', () => {
  let stopped = 0
  const [early, late, never] = [new AbortController(), new AbortController(), new AbortController()]
  early.abort()
  onAbort(early.signal, () => { stopped += 1 })
  expect(stopped).toBe(1)
  onAbort(late.signal, () => { stopped += 1 })
  late.abort()
  expect(stopped).toBe(2)
  onAbort(never.signal, () => { stopped += 1 })()
  never.abort()
  expect(stopped).toBe(2)
})
