/** SECURITY.md says what an agent can reach; each cell names a test that is there, or says that nothing shows it. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './product.ts'

const [, section = ''] = /\n## What an agent can reach\n([\s\S]*?)\n## /.exec(readFileSync(join(root, 'SECURITY.md'), 'utf8')) ?? []
const shown = new Map([...section.matchAll(/^- ([a-z-]+): `([^`]+)` › `([^`]+)`$/gm)].map(([, id = '', file = '', name = '']) => [id, { file, name }]))
const [head = [], , ...rows] = [...section.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
const cells = rows.flatMap(([what = '', ...rest]) => rest.map((cell) => ({ what, cell })))
const NAMED = /\((?<id>[a-z-]+)\)$/

/** A test that can be skipped is one all the same: where it is skipped stands in the test. */
const testsOf = (file: string): string[] => [...readFileSync(join(root, file), 'utf8').matchAll(/\b(?:test|it)(?:\.skipIf\(\w+\))?\('((?:[^'\\]|\\.)*)'/g)].map(([, name = '']) => name.replaceAll("\\'", "'"))

test('each cell of the matrix names a test, or says that none shows it', () => {
  expect(cells.length).toBeGreaterThan(40)
  expect(new Set(rows.map((row) => row.length)).size).toBe(1)
  expect(cells.filter(({ cell }) => cell !== 'not shown' && !shown.has(NAMED.exec(cell)?.groups?.['id'] ?? ''))).toEqual([])
  expect([...shown.keys()].filter((id) => !cells.some(({ cell }) => cell.endsWith(`(${id})`)))).toEqual([])
})

test('each column with a cell that is not shown says why', () => {
  const columns = head.filter((_, at) => at > 0 && rows.some((row) => row[at] === 'not shown'))
  const reasons = [...section.matchAll(/^- \*\*(.+?)\*\*: \S/gm)].map(([, column = '']) => column)
  expect(reasons.toSorted()).toEqual(columns.toSorted())
})

test('each test that the matrix names is there', () => {
  expect([...shown.values()].filter(({ file, name }) => !existsSync(join(root, file)) || !testsOf(file).includes(name))).toEqual([])
})
