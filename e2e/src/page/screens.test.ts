/** The list of screens is whole, and those around the sessions hold: inbox, questions, forms, edges. */
import { afterAll, beforeAll, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../product.ts'
import { goThrough, type Lane } from './screen-lane.ts'
import { SCREENS } from './screens.ts'
import { CHROMIUM, test } from './world.ts'

const LANE_MS = 330_000
const CLOSE_MS = 60_000
let close: () => Promise<void> = async () => {}
const web = join(root, 'apps/web/src')
const source = (path: string) => readFileSync(join(web, path), 'utf8')
const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = '']) => name)
let harbour: Lane
beforeAll(async () => { if (CHROMIUM !== null) harbour = await goThrough('harbour', (ends) => (close = ends)) }, LANE_MS)
afterAll(() => close(), CLOSE_MS)

it('screens-listed: every address of the router, every room and every dialog stands in the list', () => {
  const router = source('state/session.ts')
  const places = found(/export type Route = (.*)/.exec(router)?.[1] ?? '', /at: '([a-z]+)'/g)
  const panes = found(/PANES = \[(.*?)\]/s.exec(router)?.[1] ?? '', /'([a-z]+)'/g)
  expect(places).toContain('workspace')
  expect(panes).toContain('changes')
  const routes = new Set(SCREENS.map(({ route }) => route))
  expect(places.filter((place) => place !== 'workspace' && !routes.has(place))).toEqual([])
  expect(panes.filter((pane) => !routes.has(`workspace/${pane}`))).toEqual([])
  // What is named a sheet is one, and so is what `lazySheet` opens by name.
  const sheets = [...new Bun.Glob('**/*.tsx').scanSync(web)].flatMap((file) => found(source(file), /export function ([A-Z]\w*Sheet)\(/g))
  const named = found(/SheetName = (.*)/.exec(source('shell/sheets.ts'))?.[1] ?? '', /'([a-z]+)'/g)
  expect(sheets.length).toBeGreaterThan(10)
  expect(named).toContain('palette')
  const listed = new Set(SCREENS.flatMap(({ dialogs = [] }) => dialogs))
  expect([...sheets, ...named].filter((name) => !listed.has(name))).toEqual([])
  expect([...listed].filter((name) => !sheets.includes(name) && !named.includes(name))).toEqual([])
  expect(SCREENS.map(({ name }) => name).filter((name, at, all) => all.indexOf(name) !== at)).toEqual([])
})

test('screens-harbour: nothing is cut or to the side in the inbox, the questions, the forms and the edges, and a thumb has its 44 pixels', () => {
  expect(harbour.visited.size).toBe(harbour.expected)
  expect(harbour.shapes).toEqual([])
})

test('reflow-harbour: nothing of it is cut or to the side at 320 pixels, as a page that is enlarged has them', () => {
  expect(harbour.narrow).toEqual([])
})

test('access-harbour: axe finds no break of WCAG 2.2 AA in the inbox, the questions, the forms and the edges, in light and in dark', () => {
  expect(harbour.axe).toEqual([])
})
