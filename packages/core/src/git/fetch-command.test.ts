import { expect, test } from 'bun:test'
import { readFetchCommand, readShownIds } from './fetch-command.ts'

const A = 'a'.repeat(40)
const B = 'b'.repeat(64)
const line = (text: string): string => (text.length + 5).toString(16).padStart(4, '0') + text + '\n'
const asked = (...lines: string[]) => readFetchCommand(new TextEncoder().encode(`${line('command=fetch')}${line('agent=git/2.39.5')}0001${lines.map(line).join('')}0000`))

test('a clone is known by what it wants and how, and not by who asks', () => {
  const command = asked('thin-pack', 'ofs-delta', `want ${A}`, `want ${B}`, 'done')
  expect(command).toMatchObject({ kind: 'pack', wants: [A, B] })
  const another = readFetchCommand(new TextEncoder().encode(`${line('command=fetch')}${line('agent=git/2.50.0')}${line('session-id=1-2')}0001${['thin-pack', 'ofs-delta', `want ${A}`, `want ${B}`, 'done'].map(line).join('')}0000`))
  expect(another).toEqual(command)
  const twice = asked('ofs-delta', `want ${B}`, 'thin-pack', 'done', `want ${A}`, `want ${B}`)
  expect(twice?.kind === 'pack' && command?.kind === 'pack' && twice.terms === command.terms && twice.wants.length === 2).toBe(true)
  for (const way of ['deepen 1', 'filter blob:none', 'no-progress', 'include-tag']) {
    expect(asked('thin-pack', 'ofs-delta', way, `want ${A}`, `want ${B}`, 'done')).not.toEqual(command)
    expect(asked(way, `want ${A}`, 'done')?.kind).toBe('pack')
  }
})

test.each(['have', 'shallow', 'want-ref', 'deepen-since', 'deepen-not', 'deepen-relative', 'wait-for-done', 'packfile-uris'])('what hangs on the moment or on the asker is none: %s', (word) => {
  expect(asked(word === 'deepen-relative' ? word : `${word} ${A}`, `want ${A}`, 'done')).toBeNull()
})

test('what is not whole, goes on, or is no clone is none', () => {
  expect(asked(`want ${A}`)).toBeNull()
  expect(asked('done')).toBeNull()
  for (const text of ['', '0000', '000', line('command=fetch'), `${line('command=other')}0000`, `${line('command=fetch')}${line(`want ${A}`)}${line('done')}0000more`, `${line('command=fetch')}0002${line(`want ${A}`)}${line('done')}0000`, 'ffff']) expect(readFetchCommand(new TextEncoder().encode(text))).toBeNull()
  expect(readFetchCommand(new TextEncoder().encode(`${line('command=ls-refs')}00010000`))).toEqual({ kind: 'refs' })
})

test('an id that stands in the name of a ref was not shown', () => {
  const ids = readShownIds(new TextEncoder().encode(`${line(`${A} refs/heads/${'c'.repeat(40)}`)}${line(`${B} refs/tags/v1 peeled:${'d'.repeat(40)}`)}0000`))
  expect([...ids ?? []]).toEqual([A, B])
  expect(readShownIds(new TextEncoder().encode(line(`${A} HEAD`)))).toBeNull()
})
