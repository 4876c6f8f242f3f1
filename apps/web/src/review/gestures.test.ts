import { expect, it } from 'bun:test'
import { FONT_PX, pinched, swipeOf } from './gestures.ts'

it('takes a finger across for paging, not one that scrolls or taps', () => {
  const from = { x: 200, y: 300 }
  expect(swipeOf(from, { x: 100, y: 310 })).toBe('next')
  expect(swipeOf(from, { x: 300, y: 290 })).toBe('previous')
  expect([{ x: 150, y: 300 }, { x: 100, y: 380 }, { x: 200, y: 300 }].map((to) => swipeOf(from, to))).toEqual([null, null, null])
})

it('sizes letters with two fingers, within what can be read', () => {
  expect(pinched(12, 100, 150)).toBe(18)
  expect([pinched(12, 100, 10), pinched(12, 100, 1000)]).toEqual([FONT_PX.least, FONT_PX.most])
})
