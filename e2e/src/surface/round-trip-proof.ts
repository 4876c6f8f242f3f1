import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../repository.ts'
import { everyState, filesOf, gitFiles, seen } from './round-trip.ts'
import type { World } from './sync-world.ts'

export async function proveRoundTrip(world: World, files: number): Promise<void> {
  const name = `trip-${files}`
  const home = await everyState(world, name, files)
  const ask = (...args: string[]) => git(home, ...args)
  // The first status writes the times of files into the index; ours are from then on.
  await git(home, 'status')
  const [before, own] = [await seen(ask, home), await gitFiles(home)]
  const there = await world.up(name, home)
  expect(await seen(there.git, there.dir)).toEqual(before)

  const pulled = await world.product.json<{ branch: string; commit: string }>(['pull', name], { cwd: home })
  expect(await gitFiles(home)).toEqual(own)
  expect(await seen(ask, home)).toEqual(before)
  expect((await git(home, 'rev-parse', `${pulled.branch}^1`, `${pulled.branch}^2^{tree}`)).split('\n')).toEqual([...before.head.split('\n').slice(0, 1), ...before.indexTree.split('\n')])
  expect(await git(home, 'rev-parse', `${pulled.branch}^{tree}`)).toBe(await wholeTree(home, join(world.root, `${name}-index`)))

  const copy = join(world.root, `${name}-copy`)
  await world.product.cli(['pull', name, '--copy', copy], { cwd: world.root })
  expect(await seen((...args) => git(copy, ...args), copy)).toEqual(before)
  expect(await git(copy, 'branch', '--show-current')).toBe(`berth/${name}\n`)

  // Pushed again after more of the same, it is the same there.
  writeFileSync(join(home, 'staged'), 'staged again\n')
  await git(home, 'add', 'staged')
  await git(home, 'commit', '-q', '-m', 'a part', '--', 'staged')
  writeFileSync(join(home, 'changed'), 'changed again\n')
  const after = await seen(ask, home)
  await world.product.cli(['push', name], { cwd: home })
  expect(await seen(there.git, there.dir)).toEqual(after)
  expect(await filesOf(home)).toEqual(after.files)
}

/** What git makes of all that is there, by an index of ours. */
async function wholeTree(dir: string, index: string): Promise<string> {
  const child = Bun.spawn(['sh', '-ec', 'git add -A >&2; git write-tree'], { cwd: dir, env: { ...process.env, GIT_INDEX_FILE: index }, stdout: 'pipe', stderr: 'ignore' })
  return new Response(child.stdout).text()
}
