import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { git } from '../source/git.ts'
import { blobId, openLocalFiles } from './local-files.ts'

const { signal } = new AbortController()
let root = ''
let top = ''
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'berth-local-')))
  top = join(root, 'repo')
  mkdirSync(top)
  await git(['init', '-q'], { cwd: top, signal })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))
const write = (path: string, text: string): void => {
  mkdirSync(join(top, path, '..'), { recursive: true })
  writeFileSync(join(top, path), text)
}
const open = (include: string[] = [], inGit = true) => openLocalFiles({ path: top, git: inGit }, { scratch: mkdtempSync(join(root, 'scratch-')), include, signal })
const look = async (paths: string[], known: string[] = [], include: string[] = []) => {
  const entry = { mode: '100644', oid: '0'.repeat(40) }
  return (await open(include)).look(paths, new Map(known.map((path) => [path, entry])))
}

test('finds what is new below a directory, and what is gone', async () => {
  for (const path of ['a/b/c', 'a/d', 'node_modules/x', 'a/repository/.git/HEAD', 'a/repository/file']) write(path, path)
  write('.gitignore', 'node_modules/\n')
  expect([...(await look(['a'], ['a/gone', 'a/b/gone'])).keys()].sort()).toEqual(['a/b/c', 'a/b/gone', 'a/d', 'a/gone'])
  expect([...(await look(['node_modules', 'node_modules/x', '.git/HEAD', 'nowhere'])).entries()]).toEqual([['nowhere', null]])
  expect((await look(['a/'], ['a/gone', 'a/b/gone'])).has('a/b/gone')).toBe(false)
})

test('leaves secrets and ignored files at home unless they are named, or there already', async () => {
  write('.gitignore', '*.log\n')
  for (const path of ['.env', 'id_rsa', 'x.log', 'deep/x.log']) write(path, path)
  const all = ['.env', 'id_rsa', 'x.log', 'deep/x.log']
  expect((await look(all)).size).toBe(0)
  expect([...(await look(all, [], ['.e*', 'deep/'])).keys()]).toEqual(['.env', 'deep/x.log'])
  expect([...(await look(all, ['x.log'])).keys()]).toEqual(['x.log'])
  const plain = await open([], false)
  write('node_modules/x', 'x')
  expect([...(await plain.look(['x.log', 'node_modules/x', 'id_rsa', 'deep'], new Map())).keys()]).toEqual([])
})

test('what was below a directory that is a file now is gone', async () => {
  write('d', 'a file')
  expect([...(await look(['d/a', 'd/new', 'd/e', 'd'], ['d/a', 'd/e/b'])).entries()].map(([path, file]) => [path, file?.mode ?? null])).toEqual([['d/a', null], ['d/new', null], ['d/e', null], ['d/e/b', null], ['d', '100644']])
})

test('a repository in the directory stays at home, by whichever of its paths it is asked for', async () => {
  for (const path of ['a/own/.git/HEAD', 'a/own/file', 'a/own/deep/file', 'linked/file', 'a/file']) write(path, path)
  write('linked/.git', 'gitdir: ../elsewhere')
  const asked = ['a/own', 'a/own/', 'a/own/file', 'a/own/deep', 'a/own/deep/', 'a/own/deep/file', 'a/own/.git', 'a/own/.git/HEAD', 'linked/file', 'a/.git', 'a', '']
  expect([...(await look(asked)).keys()].sort()).toEqual(['a/file'])
  // Not even what is in the workspace from before it was one.
  expect([...(await look(['a/own/file', 'a/own'], ['a/own/file'])).keys()]).toEqual([])
  symlinkSync('a/own', join(top, 'link'))
  symlinkSync('a', join(top, 'above'))
  const found = await look(['link', 'link/file', 'above/own/file'], ['link/file', 'above/own/file'])
  expect([...found].map(([path, file]) => [path, file?.mode ?? null]).sort()).toEqual([['above/own/file', null], ['link', '120000'], ['link/file', null]])
})

test('one path that git refuses to look at does not make the ignored ones behind it wanted', async () => {
  write('.gitignore', '*.log\n:*.tmp\n')
  write('other/a', 'a')
  symlinkSync('other', join(top, 'docs'))
  await git(['init', '-q', join(top, 'own')], { cwd: top, signal })
  write('own/b', 'b')
  await git(['-C', 'own', 'add', 'b'], { cwd: top, signal })
  await git(['-C', 'own', '-c', 'user.name=P', '-c', 'user.email=p@x', 'commit', '-qm', 'b'], { cwd: top, signal })
  await git(['add', 'own'], { cwd: top, signal })
  for (const path of ['x.log', 'deep/x.log', 'deep/y', ':x', ':!x.log', ':(top)y.log', ':x.tmp']) write(path, path)
  const asked = ['docs/a', 'x.log', 'own/b', 'deep/x.log', 'deep/y', 'docs/no/b', 'z.log', ':x', ':!x.log', ':(top)y.log', ':x.tmp']
  expect([...await (await open()).ignored(asked)].sort()).toEqual([':!x.log', ':(top)y.log', ':x.tmp', 'deep/x.log', 'docs/a', 'docs/no/b', 'own/b', 'x.log', 'z.log'])
  expect([...(await look(asked)).keys()].sort()).toEqual([':x', 'deep/y'])
})

test('knows a blob as git does, and what git keeps in another form', async () => {
  write('.gitattributes', '*.crlf text eol=crlf\n*.lf text\n')
  write('plain\nname', 'plain\r\n')
  write('a.crlf', 'one\r\n')
  write('b.lf', 'one\r\n')
  symlinkSync('somewhere', join(top, 'link'))
  const files = await open()
  const found = await files.look(['plain\nname', 'a.crlf', 'b.lf', 'link'], new Map())
  const id = (text: string): string => blobId(Buffer.from(text))
  expect([...found].map(([path, file]) => [path, file?.oid, file?.raw, file?.mode])).toEqual([
    ['plain\nname', id('plain\r\n'), true, '100644'], ['a.crlf', id('one\n'), false, '100644'], ['b.lf', id('one\n'), false, '100644'], ['link', id('somewhere'), true, '120000'],
  ])
  const content = async (path: string) => {
    const file = found.get(path)
    const got = file ? await files.content(path, file) : null
    return got === null ? null : [Buffer.from(got.bytes).toString(), got.oid]
  }
  // With the attribute it stands there as here; without, as git has it.
  expect([await content('a.crlf'), await content('b.lf'), await content('plain\nname')]).toEqual([['one\r\n', id('one\n')], ['one\n', id('one\n')], null])
})
