import { expect, test } from 'bun:test'
import { packCommand, readHostCan, refsCommand } from './clone-commands.ts'
import { readFetchCommand, readShownRefs } from './fetch-command.ts'

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const line = (text: string): string => (text.length + 5).toString(16).padStart(4, '0') + text + '\n'
const host = (...lines: string[]) => readHostCan(bytes(`${['version 2', ...lines].map(line).join('')}0000`))
const CAN = { filter: true, unborn: true, objectFormat: 'sha1' } as const

test('what a host can is read from its own words, with the name of the service before them or without', () => {
  expect(host('agent=git/2.39.5', 'ls-refs=unborn', 'fetch=shallow wait-for-done filter', 'server-option', 'object-format=sha1', 'object-info')).toEqual(CAN)
  expect(host('ls-refs', 'fetch=shallow', 'object-format=sha256')).toEqual({ filter: false, unborn: false, objectFormat: 'sha256' })
  expect(host('fetch')).toEqual({ filter: false, unborn: false, objectFormat: 'sha1' })
  expect(readHostCan(bytes(`${line('# service=git-upload-pack')}0000${line('version 2')}${line('fetch=filter')}0000`))).toMatchObject({ filter: true })
})

test('a host of another protocol, or one that would be asked in other words, is none', () => {
  for (const text of ['', '0000', line('version 2'), `${line('version 1')}0000`, `${line('# service=git-upload-pack')}0000${line(`${A} HEAD`)}0000`]) expect(readHostCan(bytes(text))).toBeNull()
  expect(host('ls-refs')).toBeNull()
  expect(host('fetch=shallow sideband-all')).toBeNull()
  expect(host('fetch', 'object-format=sha3')).toBeNull()
})

test('what is asked is read as what git asks', () => {
  expect(readFetchCommand(bytes(refsCommand(CAN)))).toEqual({ kind: 'refs' })
  // As git 2.39 wrote it for `git clone --filter=blob:none`: each ref is wanted, and so its id as often.
  const git = (...filter: string[]) => `${line('command=fetch')}${line('agent=git/2.39.5')}${line('object-format=sha1')}0001${['thin-pack', 'no-progress', 'ofs-delta', ...filter, `want ${B}`, `want ${A}`, `want ${B}`, 'done'].map(line).join('')}0000`
  for (const filter of [true, false]) {
    const asked = readFetchCommand(bytes(packCommand(CAN, [A, B], filter)))
    const clone = readFetchCommand(bytes(git(...(filter ? ['filter blob:none'] : []))))
    if (asked?.kind !== 'pack' || clone?.kind !== 'pack') throw new Error('not read')
    expect(asked.terms).toBe(clone.terms)
    expect(asked.wants.toSorted()).toEqual(clone.wants.toSorted())
  }
})

test('refs are read with their names, and one without a commit is none', () => {
  const shown = readShownRefs(bytes(`${line(`${A} HEAD symref-target:refs/heads/main`)}${line(`${A} refs/heads/main`)}${line(`${B} refs/tags/v1 peeled:${A}`)}${line('unborn HEAD symref-target:refs/heads/x')}0000`))
  expect([...shown ?? []]).toEqual([['HEAD', A], ['refs/heads/main', A], ['refs/tags/v1', B]])
  expect(readShownRefs(bytes(line(`${A} HEAD`)))).toBeNull()
})
