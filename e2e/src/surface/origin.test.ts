/** A workspace of a private url learns that its origin has moved, and takes what is new when a person says so. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { startGitServer, type GitServer } from '../git-server.ts'
import { COMMAND, eventually } from '../product.ts'
import { git } from '../repository.ts'
import { startWorld, type There, type World } from './sync-world.ts'

const TOKEN = 'longlived-canary-77b1c0ffee'
let world: World
let server: GitServer
let origin: string
let there: There
beforeAll(async () => {
  world = await startWorld()
  origin = await world.repository('origin')
  await git(world.root, 'clone', '-q', '--bare', origin, 'private-origin.git')
  await git(origin, 'remote', 'add', 'host', join(world.root, 'private-origin.git'))
  await commit('a.txt', 'one\n')
  server = startGitServer(world.root, { username: 'x-access-token', token: TOKEN })
  const host = `http://127.0.0.1:${server.port}`
  const kept = Bun.spawn([...COMMAND, 'git-host', 'add', host], { env: world.product.env, stdin: Buffer.from(`${TOKEN}\n`), stdout: 'ignore', stderr: 'inherit' })
  expect(await kept.exited).toBe(0)
  there = await world.upFrom('moved', `${host}/private-origin.git`)
}, 60_000)
afterAll(async () => {
  await world.close()
  await server.close()
}, 60_000)

async function commit(file: string, text: string): Promise<void> {
  writeFileSync(join(origin, file), text)
  await git(origin, 'add', '.')
  await git(origin, 'commit', '-q', '-m', file)
  await git(origin, 'push', '-q', 'host', 'main')
}
const file = (path: string): string => readFileSync(join(there.dir, path), 'utf8')
const update = (exit = 0, more: readonly string[] = []) => world.product.cli(['update', 'moved', ...more], { exit })
const head = () => there.git('rev-parse', 'HEAD')

test('it is behind when the branch moved, and everybody who looks sees it', async () => {
  expect((await update(0, ['--check'])).stdout).toContain('has all of origin/main')
  await commit('b.txt', 'two\n')
  expect((await update(1, ['--check'])).stdout).toContain('behind origin/main')
  expect(await world.product.json<Workspace[]>(['list'])).toMatchObject([{ name: 'moved', origin: { branch: 'main', behind: true, commit: (await git(origin, 'rev-parse', 'HEAD')).trim() } }])
  expect((await world.product.cli(['list'])).stderr).toContain('moved is behind origin/main')
  const { stdout } = await update()
  expect(stdout).toContain('1 commit of the origin')
  expect([file('b.txt'), await head()]).toEqual(['two\n', await git(origin, 'rev-parse', 'HEAD')])
  expect(await world.product.json<Workspace[]>(['list'])).toMatchObject([{ origin: { behind: false } }])
  expect((await world.product.json<{ stat: unknown[] }>(['diff', 'moved'])).stat).toEqual([])
}, 30_000)

test('uncommitted changes and conflicts are named, and nothing is touched', async () => {
  await commit('a.txt', 'theirs\n')
  await there.run('echo mine > a.txt')
  expect((await update(1)).stderr).toContain('not committed: a.txt')
  await there.run('git commit -qam mine')
  const before = [await head(), await there.git('status', '--porcelain'), file('a.txt')]
  const refused = await update(1)
  expect(refused.stderr).toContain('nothing was touched: a.txt')
  expect([await head(), await there.git('status', '--porcelain'), file('a.txt')]).toEqual(before)
  expect(existsSync(join(there.dir, '.git/rebase-merge'))).toBe(false)
  // What only stands there untracked is not overwritten either.
  await there.run('git reset -q --hard HEAD~1; echo loose > c.txt')
  await commit('c.txt', 'theirs\n')
  expect((await update(1)).stderr).toContain('c.txt')
  expect(file('c.txt')).toBe('loose\n')
}, 30_000)

test("the workspace's own commits stand on top", async () => {
  await there.run('rm c.txt; echo own > own.txt; git add own.txt; git commit -qm own')
  expect((await update()).stdout).toContain('its own on top')
  expect([file('c.txt'), file('own.txt'), await there.git('rev-parse', 'HEAD~1')]).toEqual(['theirs\n', 'own\n', await git(origin, 'rev-parse', 'HEAD')])
  expect((await update()).stdout).toContain('has all that is at its origin')
  await eventually(async () => (await world.product.json<Workspace[]>(['list']))[0]?.origin?.behind === false, 'that it is not behind')
}, 30_000)
