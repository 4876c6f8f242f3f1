import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { watchTree, type TreeWatch } from './watch-tree.ts'

const WITHIN_MS = 10_000
let top = ''
let heard: string[] = []
let tree: TreeWatch
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-watch-')))
  heard = []
  tree = watchTree({ top, ignored: async () => new Set(), onDirty: (path) => { heard.push(path) }, onError: (error) => { throw error } })
})
afterEach(() => {
  tree.close()
  rmSync(top, { recursive: true, force: true })
})
const write = (path: string): void => {
  mkdirSync(dirname(join(top, path)), { recursive: true })
  writeFileSync(join(top, path), path)
}
const hears = async (path: string): Promise<void> => {
  for (const until = Date.now() + WITHIN_MS; !heard.includes(path); await Bun.sleep(5)) if (Date.now() > until) throw new Error(`${path} was not heard of: ${heard.join(', ')}`)
}

test('a name below what became a file is no directory to watch, and the others are', async () => {
  write('d')
  await tree.add(['', 'd', 'd/e', 'gone', 'gone/f'])
  write('x')
  await hears('x')
})

test('a repository in the directory is not watched, however it is come to', async () => {
  for (const path of ['own/.git/HEAD', 'own/deep/file', 'other/own/.git/HEAD', 'other/own/deep/file']) write(path)
  await tree.add([''])
  await tree.add(['own', 'own/deep', 'own/.git', 'other/own', 'other/own/deep'])
  for (const path of ['own/x', 'own/deep/x', 'own/.git/x', 'other/own/x', 'other/own/deep/x', 'other/last']) write(path)
  // Events come in the order of what happened, at least of one directory's.
  await hears('other/last')
  write('last')
  await hears('last')
  expect(heard.filter((path) => path !== 'last' && path !== 'other/last')).toEqual([])
})
