/** What comes from a person's side may change what it believes is there, and nothing else. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SyncEntry, SyncResult } from '@berth/wire/sync-frames'
import { createReceiver } from './receive.ts'
import type { Receiver } from './receive.ts'

let root: string
let dir: string
let receiver: Receiver
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-receive-'))
  dir = join(root, 'work')
  mkdirSync(join(dir, '.git'), { recursive: true })
  writeFileSync(join(root, 'outside'), 'untouched')
  receiver = createReceiver(dir)
})
afterEach(() => {
  receiver.close()
  expect(readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched')
  expect(readdirSync(join(dir, '.git'))).toEqual([])
  rmSync(root, { recursive: true, force: true })
})

const blob = (text: string, mode = '100644'): SyncEntry => ({ mode, oid: createHash('sha1').update(`blob ${Buffer.byteLength(text)}\0${text}`).digest('hex') })
let serial = 0
function put(path: string, text: string, { was = null, mode = '100644' }: { was?: SyncEntry | null; mode?: string } = {}): SyncResult {
  const bytes = Buffer.from(text)
  const begun = receiver.begin({ n: serial++, path, was, now: { ...blob(text, mode), size: bytes.length } })
  const half = Math.floor(bytes.length / 2)
  const result = begun ?? (half > 0 ? receiver.data(bytes.subarray(0, half)) : null) ?? receiver.data(bytes.subarray(half))
  if (result === null) throw new Error('nothing came of it')
  return result
}
const drop = (path: string, was: SyncEntry): SyncResult | null => receiver.begin({ n: serial++, path, was, now: null })
const at = (path: string): string => join(dir, path)

describe('what is as it is believed to be', () => {
  test('is written, replaced, made a program or a link, and deleted with its empty directories', () => {
    expect(put('a/b/c', 'one')).toMatchObject({ what: 'written', entry: blob('one') })
    expect(put('a/b/c', 'two', { was: blob('one'), mode: '100755' })).toMatchObject({ what: 'written' })
    expect([readFileSync(at('a/b/c'), 'utf8'), lstatSync(at('a/b/c')).mode & 0o111]).toEqual(['two', 0o111])
    expect(put('a/b/c', '../../../outside', { was: blob('two', '100755'), mode: '120000' })).toMatchObject({ what: 'written' })
    expect(readlinkSync(at('a/b/c'))).toBe('../../../outside')
    expect(put('a/b/c', 'a file again', { was: blob('../../../outside', '120000') })).toMatchObject({ what: 'written' })
    expect(drop('a/b/c', blob('a file again'))).toMatchObject({ what: 'written', entry: null })
    expect(existsSync(at('a'))).toBe(false)
    expect(put('empty', '')).toMatchObject({ what: 'written' })
    expect(put('line\nbreak', 'x')).toMatchObject({ what: 'written' })
    expect(put('\xff', 'x')).toMatchObject({ what: 'written' })
    expect(readdirSync(dir, { encoding: 'buffer' }).map((name) => name.toString('latin1'))).toContain('\xff')
  })
  test('and is so already, is left as it is', () => {
    writeFileSync(at('same'), 'same')
    const before = lstatSync(at('same')).ino
    expect(put('same', 'same')).toMatchObject({ what: 'already', entry: blob('same') })
    expect(lstatSync(at('same')).ino).toBe(before)
    expect(drop('never', blob('x'))).toMatchObject({ what: 'already' })
  })
})

describe('what is something else', () => {
  test('is kept: changed, another mode, deleted, new, a directory, a fifo', () => {
    writeFileSync(at('changed'), 'agent')
    expect(put('changed', 'mine', { was: blob('before') })).toMatchObject({ what: 'kept' })
    expect(put('changed', 'mine')).toMatchObject({ what: 'kept' })
    chmodSync(at('changed'), 0o755)
    expect(put('changed', 'mine', { was: blob('agent') })).toMatchObject({ what: 'kept' })
    expect(drop('changed', blob('agent'))).toMatchObject({ what: 'kept' })
    expect(put('deleted', 'mine', { was: blob('before') })).toMatchObject({ what: 'kept' })
    mkdirSync(at('directory/inside'), { recursive: true })
    expect(put('directory', 'mine', { was: blob('before') })).toMatchObject({ what: 'kept', why: 'a directory is there' })
    Bun.spawnSync(['mkfifo', at('fifo')])
    expect(put('fifo', 'mine')).toMatchObject({ what: 'kept' })
    expect(put('changed/below', 'mine')).toMatchObject({ what: 'kept' })
    expect(readFileSync(at('changed'), 'utf8')).toBe('agent')
  })
  test('is kept also when it changes while the content is on its way', () => {
    writeFileSync(at('race'), 'before')
    expect(receiver.begin({ n: 1, path: 'race', was: blob('before'), now: { ...blob('mine'), size: 4 } })).toBeNull()
    writeFileSync(at('race'), 'agent!')
    expect(receiver.data(Buffer.from('mine'))).toMatchObject({ what: 'kept' })
    expect(readFileSync(at('race'), 'utf8')).toBe('agent!')
    // Half of one, and then no more: nothing of it stays.
    expect(receiver.begin({ n: 2, path: 'half', was: null, now: { ...blob('four'), size: 4 } })).toBeNull()
    expect(receiver.data(Buffer.from('fo'))).toBeNull()
  })
  test('a link in the place of a directory, or of the file, leads nowhere', () => {
    symlinkSync('..', at('way'))
    expect(put('way/outside', 'mine')).toMatchObject({ what: 'kept', why: 'a link is in the place of its directory' })
    expect(put('way/outside', 'mine', { was: blob('untouched') })).toMatchObject({ what: 'kept' })
    expect(drop('way/outside', blob('untouched'))).toMatchObject({ what: 'kept' })
    symlinkSync('../outside', at('file'))
    expect(put('file', 'mine', { was: blob('untouched') })).toMatchObject({ what: 'kept' })
    expect(put('file', 'mine', { was: blob('../outside', '120000') })).toMatchObject({ what: 'written' })
    expect(lstatSync(at('file')).isFile()).toBe(true)
  })
})

test('paths that leave the directory, or are git\'s own, are refused, and their content is read past', () => {
  for (const path of ['../outside', 'a/../../outside', '/tmp/berth-never', 'a//b', './a', 'a/.', '.git/config', '.GIT/hooks/x', 'sub/.git/config', 'git~1/x', '.git ', 'a\0b', 'x'.repeat(5000)]) {
    expect(put(path, 'mine')).toMatchObject({ what: 'failed' })
  }
  expect(put('fine', 'fine')).toMatchObject({ what: 'written' })
  expect(() => receiver.data(Buffer.from('nobody asked'))).toThrow(RangeError)
  expect(existsSync('/tmp/berth-never')).toBe(false)
})

test('another form that git keeps is no change: line ends', async () => {
  rmSync(join(dir, '.git'), { recursive: true })
  Bun.spawnSync(['git', 'init', '-q'], { cwd: dir })
  writeFileSync(at('.gitattributes'), '*.txt text eol=crlf\n')
  writeFileSync(at('a.txt'), 'one\r\n')
  expect(put('a.txt', 'two\r\n', { was: blob('one\n') })).toMatchObject({ what: 'written' })
  expect(readFileSync(at('a.txt'), 'utf8')).toBe('two\r\n')
  rmSync(join(dir, '.git'), { recursive: true })
  mkdirSync(join(dir, '.git'))
})
