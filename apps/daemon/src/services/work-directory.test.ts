import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWorkDirectory, mountPointsIn } from './work-directory.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-work-'))
  for (const path of ['node_modules', 'web/node_modules']) mkdirSync(join(dir, path), { recursive: true })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const open = () => createWorkDirectory(dir, () => ['/', dir, join(dir, 'node_modules'), join(dir, 'web/node_modules'), `${dir}-beside/x`])

test('places of volumes and the way to them are not what the code is', () => {
  writeFileSync(join(dir, 'node_modules/kept'), '')
  expect(open().names()).toEqual([])
  expect(createWorkDirectory(dir, () => []).names().toSorted()).toEqual(['node_modules', 'web'])
  writeFileSync(join(dir, 'web/index.html'), '')
  expect(open().names()).toEqual(['web'])
})

test('what was begun is cleared away around them', () => {
  for (const path of ['.git', 'web/src']) mkdirSync(join(dir, path))
  for (const path of ['.git/HEAD', 'web/src/a', 'a', 'web/node_modules/kept']) writeFileSync(join(dir, path), '')
  open().clear()
  expect(open().names()).toEqual([])
  expect(existsSync(join(dir, 'web/node_modules/kept'))).toBe(true)
})

test.skipIf(process.getuid?.() !== 0)('the way to them is given to who works there', () => {
  open().giveTo({ uid: 65534, gid: 65534 })
  expect(['web', 'web/node_modules', 'node_modules', '.'].map((path) => statSync(join(dir, path)).uid)).toEqual([65534, 65534, 65534, 0])
})

test('mounts are read as the kernel writes them', () => {
  expect(mountPointsIn('22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 0:5 / /work\\040space/a\\134b rw,nosuid shared:2 - tmpfs t rw\n')).toEqual(['/', '/work space/a\\b'])
})
