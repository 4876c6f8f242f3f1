/** `docs/acceptance-d4.md`: every scenario of the fourth founding document has a test that ends with its id, in the file that the table names. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './product.ts'

const ROW = /^\| `((?:US|EC)[\d.]+)` \| ([^|]+) \| `([^`]+)` \|$/gm
/** The last words of a test's name: `(US1.2, EC3)`. */
const NAMED = /\((?:US|EC)\d[\d.]*(?:, (?:US|EC)\d[\d.]*)*\)['"]/g
/** How many scenarios each story has, as the document counts them; the last is the edge cases. */
const STORIES = { US0: 4, US1: 6, 'US1.5': 4, US2: 5, US3: 3, US4: 3, US5: 4 }
const EDGES = 8

const table = readFileSync(join(root, 'docs/acceptance-d4.md'), 'utf8')
const rows = [...table.matchAll(ROW)].map(([, id = '', , file = '']) => ({ id, file }))
const idsIn = (file: string): string[] => [...readFileSync(join(root, file), 'utf8').matchAll(NAMED)].flatMap(([name]) => name.slice(1, -2).split(', '))

test('the table has all 29 scenarios and 8 edge cases, each once', () => {
  const all = [...Object.entries(STORIES).flatMap(([story, count]) => Array.from({ length: count }, (_, at) => `${story}.${at + 1}`)), ...Array.from({ length: EDGES }, (_, at) => `EC${at + 1}`)]
  expect(all).toHaveLength(29 + EDGES)
  expect(rows.map(({ id }) => id).toSorted()).toEqual(all.toSorted())
})

test('each has a test of that name', () => {
  expect(rows.filter(({ id, file }) => !existsSync(join(root, file)) || !idsIn(file).includes(id))).toEqual([])
})

test('what was replaced is one of them, and is shown by a test that is there', () => {
  const deviations = readFileSync(join(root, 'docs/deviations.md'), 'utf8').split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| id'))
  expect(deviations.length).toBeGreaterThan(5)
  const known = new Set(rows.map(({ id }) => id))
  for (const line of deviations) {
    const [, ids = '', , , files = ''] = line.split('|')
    expect([...ids.matchAll(/`((?:US|EC)[\d.]+)`/g)].filter(([, id = '']) => !known.has(id))).toEqual([])
    const named = [...files.matchAll(/`([^`]+\.ts)`/g)].map(([, file = '']) => file)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
  }
})
