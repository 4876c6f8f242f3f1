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
  const kinds: ('object' | 'array')[] = []
  let last = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '/' && text[at + 1] === '/') while (at < text.length && text[at] !== '\n') at++
    else if (char === '/' && text[at + 1] === '*') at = text.indexOf('*/', at) + 1
    else if (char === '"') {
      let end = at + 1
      while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
      last = text.slice(at + 1, end)
      at = end
      if (kinds.at(-1) === 'object' && /^\s*:/.test(text.slice(end + 1))) {
        path[kinds.length - 1] = last
        path.length = kinds.length
        if (!kinds.includes('array') && isNamed(path)) found.add(path.join('.'))
      }
    } else if (char === '{' || char === '[') kinds.push(char === '{' ? 'object' : 'array')
    else if (char === '}' || char === ']') kinds.pop()
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
  expect(used.sort()).toEqual(['build', 'image'])
  expect(ignored.map(({ key }) => key).sort()).toEqual(['build.oddity', 'colour'])
})
