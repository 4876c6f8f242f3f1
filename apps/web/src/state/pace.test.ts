import { afterEach, beforeEach, expect, it, jest } from 'bun:test'
import { whenItRests } from './pace.ts'

const page = globalThis as { requestAnimationFrame?: unknown; requestIdleCallback?: unknown }
const before = { requestAnimationFrame: page.requestAnimationFrame, requestIdleCallback: page.requestIdleCallback }
let frames: (() => void)[]
let idle: (() => void)[]
beforeEach(() => {
  jest.useFakeTimers()
  frames = []
  idle = []
  page.requestAnimationFrame = (work: () => void) => frames.push(work)
  page.requestIdleCallback = (work: () => void) => idle.push(work)
})
afterEach(() => {
  jest.useRealTimers()
  Object.assign(page, before)
})

it('waits for the frame that is due before it asks for rest, and works once', () => {
  let worked = 0
  whenItRests(() => { worked += 1 })
  expect([idle.length, worked]).toEqual([0, 0])
  for (const frame of frames) frame()
  expect([idle.length, worked]).toEqual([1, 0])
  for (const rest of idle) rest()
  jest.advanceTimersByTime(1000)
  expect(worked).toBe(1)
})
it('waits no longer than it may where no frame or no rest comes', () => {
  let worked = 0
  whenItRests(() => { worked += 1 })
  jest.advanceTimersByTime(1000)
  for (const frame of frames) frame()
  for (const rest of idle) rest()
  expect(worked).toBe(1)
})
