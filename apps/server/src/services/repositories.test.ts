import { afterEach, expect, it } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import { branchesIn, createBranches, listRepositories, repositoryOf } from './repositories.ts'

const dirs: string[] = []
afterEach(() => { for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true }) })

it('keeps an address without what signs somebody in', () => {
  expect(repositoryOf({ kind: 'git', url: 'https://me:hunter2@git.example/team/app.git' })).toEqual({ url: 'https://git.example/team/app.git', label: 'team/app' })
  expect(repositoryOf({ kind: 'git', url: 'git@git.example:team/app.git' })).toEqual({ url: 'git@git.example:team/app.git', label: 'app' })
  expect(repositoryOf({ kind: 'git', url: 'ssh://git@git.example/team/app' })).toEqual({ url: 'ssh://git@git.example/team/app', label: 'team/app' })
  expect(repositoryOf({ kind: 'hosted', label: '/home/me/project/' })).toEqual({ url: '/home/me/project/', label: 'project' })
  expect([repositoryOf({ kind: 'empty' }), repositoryOf({ kind: 'archive', label: 'x' })]).toEqual([null, null])
})

it('finds the branches of a directory, asks once a minute, and runs nothing that an address names', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-branches-'))
  dirs.push(dir)
  const git = (...args: string[]) => Bun.spawnSync(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: dir, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } }).success
  expect([git('init', '-q', '-b', 'main'), git('commit', '-q', '--allow-empty', '-m', 'x'), git('branch', 'feature/one')]).toEqual([true, true, true])
  const branches = createBranches()
  expect((await branches.of(dir)).toSorted()).toEqual(['feature/one', 'main'])
  git('branch', 'later')
  expect((await branches.of(dir)).length).toBe(2)
  const mark = join(dir, 'ran')
  for (const url of [`ext::sh -c touch% ${mark}`, `--upload-pack=touch ${mark}`, join(dir, 'absent'), 'http://127.0.0.1:1/x.git']) expect([url, await branches.of(url)]).toEqual([url, []])
  expect(existsSync(mark)).toBe(false)
})

it('lists each address once, found by any part of its name', async () => {
  const sources = [
    { source: { kind: 'git' as const, url: 'https://git.invalid/team/app.git', branch: 'next' }, lastUsedAt: 3 }, { source: { kind: 'empty' as const }, lastUsedAt: 2 },
    { source: { kind: 'git' as const, url: 'https://me@git.invalid/team/app.git' }, lastUsedAt: 2 }, { source: { kind: 'hosted' as const, label: '/home/me/100%_two' }, lastUsedAt: 1 },
  ]
  const deps = { store: { listSources: async () => sources }, branches: { of: async (url: string) => [`${url}#`] } }
  const list = (query: string) => listRepositories(deps, randomIds.org(), query)
  expect((await list('')).map(({ label, lastUsedAt, branches }) => [label, lastUsedAt, branches])).toEqual([['team/app', 3, ['https://git.invalid/team/app.git#']], ['100%_two', 1, ['/home/me/100%_two#']]])
  expect([(await list(' TEAM')).length, (await list('%_t')).length, (await list('e_e')).length]).toEqual([1, 1, 0])
})

it('tells those of one name apart by what stands before it', async () => {
  const directory = (label: string) => ({ source: { kind: 'hosted' as const, label }, lastUsedAt: 1 })
  const from = (url: string) => ({ source: { kind: 'git' as const, url }, lastUsedAt: 1 })
  const labels = async (...sources: (ReturnType<typeof directory> | ReturnType<typeof from>)[]) =>
    (await listRepositories({ store: { listSources: async () => sources }, branches: { of: async () => [] } }, randomIds.org(), '')).map(({ label }) => label)
  expect(await labels(directory('/home/me/work/app'), directory('/home/me/old/app/'), directory('/home/me/other'))).toEqual(['work/app', 'old/app', 'other'])
  expect(await labels(directory('/srv/a/x/app'), directory('/srv/b/x/app'))).toEqual(['a/x/app', 'b/x/app'])
  expect(await labels(from('https://one.invalid/team/app.git'), from('https://two.invalid/team/app'))).toEqual(['one.invalid/team/app', 'two.invalid/team/app'])
  expect(await labels(from('git@one.invalid:team/app.git'), from('git@two.invalid:team/app.git'), directory('/app'))).toEqual(['git@one.invalid/team/app', 'git@two.invalid/team/app', 'app'])
})

it('reads what git says, and of a cut answer only whole lines', () => {
  const id = 'a'.repeat(40)
  expect(branchesIn(`${id}\trefs/heads/main\n${id}\trefs/tags/v1\nnonsense\n${id}\trefs/heads/cut`)).toEqual(['main'])
  expect(branchesIn(`${id}\trefs/heads/x\n`.repeat(500)).length).toBe(200)
})
