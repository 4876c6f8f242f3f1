/** `docs/flows.md` names what a person can do; each name has a test that begins with it, and no test names one that is not there. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './product.ts'

/** `test('first-id, second-id: what is seen', …` */
const NAMED = /\b(?:test|it)\('((?:[a-z][a-z0-9]*(?:-[a-z0-9]+)+|[a-z]+)(?:, (?:[a-z][a-z0-9]*(?:-[a-z0-9]+)+|[a-z]+))*): /g
const ROW = /^\| `([a-z0-9-]+)` \| ([^|]+) \| `([^`]+)` \|$/gm

interface Flow { readonly id: string; readonly file: string }
const listed: Flow[] = [...readFileSync(join(root, 'docs/flows.md'), 'utf8').matchAll(ROW)].map(([, id = '', , file = '']) => ({ id, file }))
const idsIn = (file: string): string[] => [...readFileSync(join(root, file), 'utf8').matchAll(NAMED)].flatMap(([, ids = '']) => ids.split(', '))

test('every flow of the table has a test of its name, in the file that the table names', () => {
  expect(listed.length).toBeGreaterThan(10)
  expect(listed.map(({ id }) => id).filter((id, at, all) => all.indexOf(id) !== at)).toEqual([])
  expect(listed.filter(({ id, file }) => !idsIn(file).includes(id))).toEqual([])
})

test('every name in front of a test of the page stands in the table', () => {
  const named = [...new Bun.Glob('e2e/src/page/*.test.ts').scanSync({ cwd: root })].flatMap((file) => idsIn(file).map((id) => ({ id, file })))
  expect(named.filter(({ id, file }) => !listed.some((flow) => flow.id === id && flow.file === file))).toEqual([])
})
