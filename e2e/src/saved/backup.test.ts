/** A workspace saved, and made anew: on its own server as a fork and from a template, on an empty one by a backup and the key. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { SavedState } from '@berth/wire/saved'
import { eventually, startProduct, type Product } from '../product.ts'
import { modelWords, setUpProviders } from '../providers.ts'
import { startSavedWorld, type SavedWorld } from './world.ts'

let world: SavedWorld
let other: Product
let origin: Workspace
let picture: string
let saved: SavedState
beforeAll(async () => {
  world = await startSavedWorld()
  other = startProduct()
  setUpProviders(other.home, world.model)
  origin = await world.up('origin', 'local', 'please do [[work]]')
  await world.rest(origin.id)
  await world.run(origin.id, 'cd /workspace && echo more >> hello.txt && git add hello.txt && echo again >> hello.txt && mkdir -p ~/.aws && echo hush > ~/.aws/credentials')
  picture = await world.picture(origin.id)
}, 120_000)
afterAll(async () => {
  await other?.close()
  await world?.close()
})

/** Without what a workspace of another name has of its own. */
const alike = (text: string): string => text.split('\n').filter((line) => !/refs\/heads\/berth\/|^ref: |branch\.head/.test(line)).join('\n')
/** With the key of the CLI of that home. */
const runOn = async (product: Product, id: string, script: string): Promise<string> => (await product.cli(['run', id, '--', 'sh', '-c', script])).stdout

test('a backup is whole, without logins, sealed where it is kept, and shown with its end', async () => {
  saved = await world.product.json<SavedState>(['backup', 'origin'])
  expect(saved).toMatchObject({ kind: 'backup', state: 'verified', workspaceName: 'origin' })
  expect(saved.leftOut).toContain('home/.aws/')
  expect(Math.round(((saved.expiresAt ?? 0) - saved.createdAt) / (24 * 3600_000))).toBe(30)
  const list = await world.product.cli(['backup', 'list'])
  expect(list.stdout).toContain(saved.id)
  const kept = readFileSync(join(world.product.home, 'states', `${saved.id}.berth`))
  expect(kept.includes('origin')).toBe(false)
  expect(kept.length).toBeGreaterThan(1000)
}, 60_000)

test('a fork goes on with the conversation on a branch of its own, while the first one stays', async () => {
  const forked = await world.product.json<Workspace>(['fork', 'origin', '--name', 'second', '--prompt', 'the fork does [[work]]'])
  expect(forked).toMatchObject({ name: 'second', phase: 'running' })
  expect(forked.id).not.toBe(origin.id)
  expect(await world.run(forked.id, 'cd /workspace && git branch --show-current')).toBe('berth/second\n')
  const asked = await world.model.waitFor((request) => JSON.stringify(request.body).includes('the fork does [[work]]'))
  expect(JSON.stringify(asked.body)).toContain('please do [[work]]')
  await world.rest(forked.id)
  expect(await world.picture(origin.id)).toBe(picture)
  await world.product.cli(['delete', forked.id, '-y'])
}, 120_000)

test('a template makes workspaces by its name, deleted instead of stopped where that is wanted', async () => {
  await world.product.cli(['backup', 'origin', '--template', 'ready'])
  expect((await world.product.cli(['backup', 'origin', '--template', 'ready'], { exit: null })).stderr).toContain('already a template')
  const made = await world.product.json<Workspace>(['up', '--from', 'ready', '--name', 'from-ready', '--ephemeral', ...modelWords(world.model)])
  expect(made).toMatchObject({ name: 'from-ready', ephemeral: true, agent: 'claude' })
  expect(alike(await world.picture(made.id))).toBe(alike(picture))
  expect((await world.product.cli(['list'])).stdout).toContain('ephemeral')
  await world.product.cli(['delete', made.id, '-y'])
}, 120_000)

test('an empty server that is given the key makes the workspace of it, and without the key nothing', async () => {
  await other.cli(['list'])
  mkdirSync(join(other.home, 'states'), { recursive: true })
  cpSync(join(world.product.home, 'states'), join(other.home, 'states'), { recursive: true })
  const refused = await other.cli(['restore', saved.id], { exit: null })
  expect([refused.exitCode !== 0, refused.stderr.includes('master key')]).toEqual([true, true])
  const restored = await other.json<Workspace>(['restore', saved.id, '--key', join(world.product.home, 'master.key'), '--name', 'again'])
  expect(restored).toMatchObject({ name: 'again', phase: 'running', provider: 'local' })
  const there = await runOn(other, restored.id, 'cd /workspace && git ls-files --stage && git status --porcelain && cat hello.txt && ls -A ~/.aws 2>&1 | tail -1; cd ~ && cat .claude/projects/-workspace/*.jsonl | grep -c "please do"')
  const here = await world.run(origin.id, 'cd /workspace && git ls-files --stage && git status --porcelain && cat hello.txt')
  expect(there).toStartWith(here)
  expect(there).toContain('No such file')
  expect(Number(there.trim().split('\n').at(-1))).toBeGreaterThan(0)
  // What was taken in is this server's own now.
  expect((await other.json<SavedState[]>(['backup', 'list'])).map(({ state }) => state)).toEqual(['verified'])
}, 120_000)

test('one that is cut off or changed counts for nothing, and what was removed is gone where it was kept', async () => {
  const path = join(other.home, 'states', `${saved.id}.berth`)
  const bytes = readFileSync(path)
  for (const broken of [bytes.subarray(0, bytes.length - 100), Buffer.concat([bytes.subarray(0, 2000), Buffer.from([(bytes[2000] ?? 0) ^ 1]), bytes.subarray(2001)])]) {
    await Bun.write(path, broken)
    const refused = await other.cli(['restore', saved.id, '--key', join(world.product.home, 'master.key'), '--name', 'never'], { exit: null })
    expect([refused.exitCode !== 0, refused.stderr.includes('damaged')]).toEqual([true, true])
  }
  await world.product.cli(['backup', 'remove', saved.id])
  await eventually(async () => !readdirSync(join(world.product.home, 'states')).includes(`${saved.id}.berth`), 'the file gone')
  expect((await world.product.cli(['restore', saved.id], { exit: null })).stderr).toContain('no saved state')
}, 60_000)
