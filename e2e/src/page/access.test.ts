/** The rooms of a session, with all their sheets: nothing is cut, everybody gets in. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { goThrough, type Lane } from './screen-lane.ts'
import { CHROMIUM, test } from './world.ts'

const LANE_MS = 330_000
const CLOSE_MS = 60_000
let close: () => Promise<void> = async () => {}
let rooms: Lane
beforeAll(async () => { if (CHROMIUM !== null) rooms = await goThrough('rooms', (ends) => (close = ends)) }, LANE_MS)
afterAll(() => close(), CLOSE_MS)

test('screens-rooms: nothing is cut or to the side in a session, its rooms and sheets, and a thumb has its 44 pixels', () => {
  expect(rooms.visited.size).toBe(rooms.expected)
  expect(rooms.shapes).toEqual([])
})

test('reflow-rooms: nothing of it is cut or to the side at 320 pixels, as a page that is enlarged has them', () => {
  expect(rooms.narrow).toEqual([])
})

test('access-rooms: axe finds no break of WCAG 2.2 AA in a session, its rooms and sheets, in light and in dark', () => {
  expect(rooms.axe).toEqual([])
})
