/** Code back and forth on the real server: pushed, synced as it is saved, and never over what the agent made. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually } from '../product.ts'
import { git } from '../repository.ts'
import { startWorld, type Sync, type There, type World } from './sync-world.ts'

let world: World
let home: string
let there: There
let sync: Sync
beforeAll(async () => {
  world = await startWorld()
  home = await world.repository('home')
  writeFileSync(join(home, '.gitignore'), '.env\nnode_modules/\n')
  writeFileSync(join(home, 'a.txt'), 'one\n')
  writeFileSync(join(home, '.env'), 'TOKEN=1\n')
  await git(home, 'add', '.')
  await git(home, 'commit', '-q', '-m', 'first')
  there = await world.up('demo', home, ['--include', '.e*'])
}, 60_000)
afterAll(() => world.close(), 60_000)

const here = (path: string): string => join(home, path)
const file = (path: string): string => readFileSync(join(there.dir, path), 'utf8')
const urlOfServer = (): string => (JSON.parse(readFileSync(join(world.product.home, SERVER_FILE), 'utf8')) as { url: string }).url
const push = (args: readonly string[] = [], exit = 0) => world.product.cli(['push', ...args], { cwd: home, exit })

describe('push', () => {
  test('brings commits and uncommitted work to the workspace of this directory', async () => {
    expect(file('.env')).toBe('TOKEN=1\n')
    writeFileSync(here('b.txt'), 'two\n')
    await git(home, 'add', '.')
    await git(home, 'commit', '-q', '-m', 'second')
    writeFileSync(here('a.txt'), 'changed\n')
    const { stdout } = await push()
    expect(stdout).toContain('2 files changed in demo, its branch is at your commit')
    expect(await there.git('rev-parse', 'HEAD')).toBe(await git(home, 'rev-parse', 'HEAD'))
    expect(await there.git('status', '--porcelain')).toBe(' M a.txt\n')
    // Named once, it is neither taken away nor shown as the agent's doing.
    expect(file('.env')).toBe('TOKEN=1\n')
    expect((await world.product.json<{ stat: unknown[] }>(['diff', 'demo'])).stat).toEqual([])
  }, 30_000)

  test("refuses what the agent changed by name, and is undone by a rewind when it was forced", async () => {
    await there.run('echo agent > a.txt')
    writeFileSync(here('a.txt'), 'mine\n')
    const refused = await push([], 1)
    expect(refused.stderr).toContain('a.txt')
    expect(file('a.txt')).toBe('agent\n')
    const { checkpoint } = await world.product.json<{ checkpoint: string }>(['push', '--force'], { cwd: home })
    expect(file('a.txt')).toBe('mine\n')
    await world.product.cli(['rewind', 'demo', checkpoint, '-y'])
    expect(file('a.txt')).toBe('agent\n')
    // What was undone can be pushed again.
    expect((await push([], 1)).stderr).toContain('a.txt')
    await push(['--force'])
    expect(file('a.txt')).toBe('mine\n')
    const other = await world.repository('other')
    expect((await world.product.cli(['push', 'demo'], { cwd: other, exit: 1 })).stderr).toContain('nothing in common')
  }, 30_000)
})

describe('sync', () => {
  beforeAll(async () => { sync = await world.sync('demo', home, ['--include', '.env']) }, 30_000)
  const sent = (path: string) => sync.says((one) => one.event === 'sent' && one.paths?.includes(path) === true, path)

  test('writes a file there as it is saved, however editors save', async () => {
    writeFileSync(here('a.txt'), 'saved\n')
    await sent('a.txt')
    expect(file('a.txt')).toBe('saved\n')
    writeFileSync(here('.a.txt.swp'), 'by renaming\n')
    renameSync(here('.a.txt.swp'), here('a.txt'))
    await eventually(async () => file('a.txt') === 'by renaming\n', 'the renamed file')
    writeFileSync(here('.env'), 'TOKEN=2\n')
    await sent('.env')
    expect(file('.env')).toBe('TOKEN=2\n')
  }, 30_000)

  test('brings directories, links, modes, odd names and deletions, and leaves home what is ignored', async () => {
    mkdirSync(here('node_modules/x'), { recursive: true })
    writeFileSync(here('node_modules/x/index.js'), 'ignored')
    mkdirSync(here('new/deep'), { recursive: true })
    writeFileSync(here('new/deep/run.sh'), '#!/bin/sh\n')
    chmodSync(here('new/deep/run.sh'), 0o755)
    symlinkSync('../../etc/passwd', here('new/link'))
    writeFileSync(here('new/line\nbreak'), 'odd\n')
    const strange = Buffer.concat([Buffer.from(`${home}/new/`), Buffer.from([0xff, 0x2e, 0x78])])
    writeFileSync(strange, 'no utf-8\n')
    const odd = Buffer.concat([Buffer.from(`${there.dir}/new/`), Buffer.from([0xff, 0x2e, 0x78])])
    await eventually(async () => existsSync(odd) && existsSync(join(there.dir, 'new/line\nbreak')) && lstatSync(join(there.dir, 'new/link')).isSymbolicLink() && (lstatSync(join(there.dir, 'new/deep/run.sh')).mode & 0o100) !== 0, 'all of it')
    expect(readlinkSync(join(there.dir, 'new/link'))).toBe('../../etc/passwd')
    expect(existsSync(join(there.dir, 'node_modules'))).toBe(false)
    rmSync(here('new'), { recursive: true })
    await eventually(async () => !existsSync(join(there.dir, 'new')), 'the deletion')
    // A file in the place of a directory.
    writeFileSync(here('new'), 'a file now\n')
    await sent('new')
    expect(file('new')).toBe('a file now\n')
  }, 30_000)

  test('names what the agent changed and leaves it, through links too', async () => {
    await there.run('echo agent > a.txt; mkdir elsewhere; ln -s elsewhere way; mkdir -p taken/inside')
    writeFileSync(here('a.txt'), 'mine again\n')
    mkdirSync(here('way'))
    writeFileSync(here('way/in'), 'through\n')
    writeFileSync(here('taken'), 'a file\n')
    const kept = new Map<string, string>()
    while (kept.size < 3) for (const one of (await sync.says((said) => (said.kept?.length ?? 0) > 0, 'what was kept')).kept as { path: string; why: string }[]) kept.set(one.path, one.why)
    expect([...kept.keys()].sort()).toEqual(['a.txt', 'taken', 'way/in'])
    expect([file('a.txt'), existsSync(join(there.dir, 'elsewhere/in')), lstatSync(join(there.dir, 'taken')).isDirectory()]).toEqual(['agent\n', false, true])
    rmSync(here('way'), { recursive: true })
    rmSync(here('taken'))
    await there.run('rm -r way elsewhere taken')
    // The same on both sides is no conflict any more.
    writeFileSync(here('a.txt'), 'agent\n')
    await sent('a.txt')
  }, 30_000)

  test('takes two thousand files at once, and commits too', async () => {
    mkdirSync(here('many'))
    for (let at = 0; at < 2000; at++) writeFileSync(here(`many/${at}`), `${at}\n`)
    await eventually(async () => (await there.git('ls-files', '--others', '--exclude-standard', 'many')).split('\n').length === 2001, 'all of them')
    await git(home, 'add', '.')
    await git(home, 'commit', '-q', '-m', 'many')
    await sync.says(({ event }) => event === 'caught-up', 'the commit')
    expect(await there.git('rev-parse', 'HEAD')).toBe(await git(home, 'rev-parse', 'HEAD'))
    expect(await there.git('status', '--porcelain')).toBe('')
  }, 60_000)

  test('finds the server at another port, and tells nothing to what listens at the one of before', async () => {
    const before = urlOfServer()
    await world.product.cli(['server', 'stop'])
    const heard: string[] = []
    const stranger = Bun.serve({ hostname: '127.0.0.1', port: Number(new URL(before).port), fetch: ({ headers }) => { heard.push(headers.get('authorization') ?? ''); return Response.json({}, { status: 404 }) } })
    try {
      // As long as nobody is there it asks whoever has the port, and no more than who that is.
      await eventually(async () => heard.length > 0 || sync.said.filter(({ event }) => event === 'lost').length > 2, 'that it looks for the server')
      writeFileSync(here('a.txt'), 'elsewhere\n')
      await world.product.cli(['server', 'start'])
      expect(urlOfServer()).not.toBe(before)
      await sync.says(({ event, files }) => event === 'caught-up' && files === 1, 'what was saved meanwhile')
      expect(file('a.txt')).toBe('elsewhere\n')
      writeFileSync(here('a.txt'), 'agent\n')
      await sent('a.txt')
      expect(heard.filter((authorization) => authorization !== '')).toEqual([])
    } finally {
      await stranger.stop(true)
    }
  }, 60_000)

  test('waits while its workspace is stopped, and says how it is started', async () => {
    await world.product.cli(['stop', 'demo'])
    await sync.says(({ event, why = '' }) => event === 'lost' && why.includes('berth start demo'), 'that it is stopped')
    writeFileSync(here('a.txt'), 'while it slept\n')
    await world.product.cli(['start', 'demo'])
    await sync.says(({ event, files }) => event === 'caught-up' && files === 1, 'what was saved meanwhile')
    expect(file('a.txt')).toBe('while it slept\n')
  }, 60_000)

  test('goes on after the server was away, and remembers what it brought', async () => {
    await world.product.cli(['server', 'stop'])
    writeFileSync(here('a.txt'), 'while away\n')
    await world.product.cli(['server', 'start'])
    await sync.says(({ event, files }) => event === 'caught-up' && files === 1, 'what was saved meanwhile')
    expect(file('a.txt')).toBe('while away\n')
    writeFileSync(here('a.txt'), 'streamed\n')
    await sent('a.txt')
    expect(await sync.stop()).toBe(0)
    writeFileSync(here('a.txt'), 'after\n')
    expect((await world.product.cli(['sync', '--once', '--json'], { cwd: home })).stdout).toContain('"keptTotal":0')
    expect(file('a.txt')).toBe('after\n')
  }, 60_000)
})

test('a sync ends with its workspace', async () => {
  const dir = await world.repository('gone')
  await world.up('gone', dir)
  const ending = await world.sync('gone', dir)
  await world.product.cli(['delete', 'gone', '-y'])
  expect(await ending.ended()).not.toBe(0)
}, 60_000)

test('what comes back says how it is taken, and its words take it', async () => {
  const dir = await world.repository('taking')
  const it = await world.up('taking', dir)
  await it.run('echo theirs > theirs.txt && git add theirs.txt && git -c user.name=a -c user.email=a@a commit -qm theirs')
  const { stdout } = await world.product.cli(['pull', 'taking'], { cwd: dir })
  const [, ...words] = /git merge \S+/.exec(stdout)?.[0].split(' ') ?? []
  expect(words).toEqual(['merge', 'berth/taking'])
  await git(dir, ...words, '--quiet')
  expect(readFileSync(join(dir, 'theirs.txt'), 'utf8')).toBe('theirs\n')
}, 30_000)

test('a directory without git is pushed and synced too', async () => {
  const plain = join(world.root, 'plain')
  mkdirSync(plain)
  writeFileSync(join(plain, 'a'), '1\n')
  const it = await world.up('plain', plain)
  writeFileSync(join(plain, 'a'), '2\n')
  writeFileSync(join(plain, 'b'), 'b\n')
  expect(await world.product.json<Workspace & { files: number }>(['push'], { cwd: plain })).toMatchObject({ files: 2 })
  expect(readFileSync(join(it.dir, 'a'), 'utf8')).toBe('2\n')
}, 30_000)
