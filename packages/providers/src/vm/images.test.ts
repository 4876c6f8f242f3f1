import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tidyImages } from './images.ts'

let home: string
beforeEach(async () => { home = await mkdtemp(join(tmpdir(), 'vm-images-')) })
afterEach(() => rm(home, { recursive: true, force: true }))

/** `hoursAgo`: when the directory was made, and when its disk was last written. */
async function image(name: string, [made, written]: readonly [number, number]): Promise<void> {
  const dir = join(home, 'images', name)
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'disk'), 'a disk')
  for (const [path, hoursAgo] of [[join(dir, 'disk'), written], [dir, made]] as const) await utimes(path, Date.now() / 1000 - hoursAgo * 3600, Date.now() / 1000 - hoursAgo * 3600)
}

test('copies that a server was killed at go, and one that is still written stays, however long it takes', async () => {
  await image('in-use', [50, 50])
  await image('of-nobody', [0, 0])
  await image('.making-given-up', [2, 2])
  await image('.making-slow', [2, 0])
  await image('.making-new', [0, 0])
  expect((await tidyImages({ home, outside: null }, 'f'.repeat(32), 'in-use')).sort()).toEqual(['.making-given-up', 'of-nobody'])
  expect((await readdir(join(home, 'images'))).sort()).toEqual(['.making-new', '.making-slow', 'in-use'])
})
