/** Every key of every public template is either used or named: nothing of a project is passed over in silence. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfiguration } from './configuration.ts'
import { parseConfiguration } from './prepare.ts'

const dir = join(import.meta.dir, 'corpus')
const files = readdirSync(dir).filter((name) => name.endsWith('.jsonc'))
/** What a person is asked for when a template is applied. */
const applied = (name: string): string => readFileSync(join(dir, name), 'utf8').replaceAll(/\$\{templateOption:[^}]+\}/g, '1')

/**
 * The keys of a file, found by walking its characters: this shares nothing with the reader that it checks. A path is
 * kept to the depth at which a key has a meaning of its own.
 */
function keysIn(text: string): Set<string> {
  const found = new Set<string>()
  const path: string[] = []
  const kinds: string[] = []
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]|\/\/[^\n]*|\/\*[\s\S]*?\*\//g)].map(([token]) => token).filter((token) => !/^\/[/*]/.test(token))
  for (const [at, token] of tokens.entries()) {
    if (token === '{' || token === '[') kinds.push(token)
    else if (token === '}' || token === ']') kinds.pop()
    else if (token !== ':' && tokens[at + 1] === ':') {
      path.splice(kinds.length - 1, Number.POSITIVE_INFINITY, token.slice(1, -1))
      if (!kinds.includes('[') && isNamed(path)) found.add(path.join('.'))
    }
  }
  return found
}
function isNamed([top, ...rest]: readonly string[]): boolean {
  if (rest.length === 0) return top !== 'customizations' && top !== 'hostRequirements'
  if (rest.length === 1) return top === 'customizations' || top === 'hostRequirements' || top === 'build'
  return top === 'portsAttributes' && rest.length === 2 && rest[1] !== 'label'
}

test('the corpus is whole', () => {
  expect(files.length).toBeGreaterThanOrEqual(38)
})

test.each(files)('%s: keys used and keys named as ignored are all the keys there are', (name) => {
  const text = applied(name)
  const { used, ignored } = readConfiguration(parseConfiguration(text), { path: '.devcontainer/devcontainer.json' })
  // Of lists, single items are refused by name; the key itself counts as used.
  const named = new Set([...used, ...ignored.map(({ key }) => key).filter((key) => !key.includes(': '))])
  expect([...named].sort()).toEqual([...keysIn(text)].sort())
})

test('a key that nobody knows is found by both', () => {
  const text = '{ "image": "debian:12", /* no */ "colour": 1, // "not": 2\n "build": { "oddity": [{ "deep": 1 }] }, }'
  const { used, ignored } = readConfiguration(parseConfiguration(text), { path: '.devcontainer/devcontainer.json' })
  expect([...keysIn(text)].sort()).toEqual(['build', 'build.oddity', 'colour', 'image'])
  expect([...used].sort()).toEqual(['build', 'image'])
  expect(ignored.map(({ key }) => key).sort()).toEqual(['build.oddity', 'colour'])
})
