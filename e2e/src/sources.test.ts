/** Every kind of source that `up` takes, to the files in the machine, on the real server. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { startGitServer, sshCommand, type GitServer } from './git-server.ts'
import { setUpProviders } from './providers.ts'
import { git } from './repository.ts'
import { eventually, startProduct, type CliResult, type Product } from './product.ts'

let product: Product
let server: GitServer
let root: string
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-sources-'))
  await origin('origin')
  server = startGitServer(root)
  product = startProduct()
  setUpProviders(product.home, { url: `http://x:${server.port}` })
  await product.cli(['server', 'start'])
}, 60_000)
afterAll(async () => {
  await product.close()
  await server.close()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

/** Three commits on main, one more on feature. */
async function origin(name: string): Promise<string> {
  const dir = join(root, name)
  mkdirSync(dir)
  await git(dir, 'init', '-q', '-b', 'main')
  for (const nth of [1, 2, 3]) {
    writeFileSync(join(dir, 'count.txt'), `${nth}\n`)
    await git(dir, 'add', '.')
    await git(dir, 'commit', '-q', '-m', `commit ${nth}`)
  }
  await git(dir, 'checkout', '-q', '-b', 'feature')
  writeFileSync(join(dir, 'feature.txt'), 'feature\n')
  await git(dir, 'add', '.')
  await git(dir, 'commit', '-q', '-m', 'feature')
  await git(dir, 'checkout', '-q', 'main')
  return dir
}

interface Up { readonly workspace: Workspace; path(name: string): string; file(name: string): string; git(...args: string[]): Promise<string> }
async function up(name: string, args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Up> {
  const workspace = await product.json<Workspace>(['up', ...args, '--provider', 'local', '--agent', 'plain', '--command', 'echo made > made.txt; exec cat', '--name', name, '--no-open'], options)
  expect(workspace.phase).toBe('running')
  const dir = join(product.home, 'workspaces', workspace.id, 'machine-g1/work')
  return {
    workspace,
    path: (path) => join(dir, path),
    file: (path) => readFileSync(join(dir, path), 'utf8'),
    // The tree is another user's.
    git: async (...words) => (await git(dir, '-c', 'safe.directory=*', ...words)).trim(),
  }
}
const refused = (args: readonly string[], exit: number): Promise<CliResult> => product.cli(['up', ...args, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--no-open'], { exit })

describe('a url', () => {
  test('is cloned by the machine, on a branch of its own', async () => {
    const it = await up('by-url', [server.url('origin')])
    expect(it.file('count.txt')).toBe('3\n')
    expect(await it.git('branch', '--show-current')).toBe('berth/by-url')
    expect(await it.git('rev-list', '--count', 'HEAD')).toBe('3')
  }, 30_000)

  test('takes a branch and a commit', async () => {
    expect((await up('by-branch', [server.url('origin'), '--branch', 'feature'])).file('feature.txt')).toBe('feature\n')
    const second = (await git(join(root, 'origin'), 'rev-parse', 'main~1')).trim()
    const it = await up('by-commit', [server.url('origin'), '--branch', second])
    expect(it.file('count.txt')).toBe('2\n')
    expect(await it.git('rev-parse', 'HEAD')).toBe(second)
  }, 30_000)

  test('that leads nowhere fails with git\'s words and a way on, and works once it is right', async () => {
    const wrong = await refused([server.url('later'), '--name', 'later'], 2)
    expect(wrong.stderr).toContain('git clone:')
    expect(wrong.stderr).toContain('check the address')
    expect((await refused([server.url('origin'), '--branch', 'nope', '--name', 'no-branch'], 2)).stderr).toContain('check the branch or commit')
    expect((await product.json<Workspace[]>(['list'])).find(({ name }) => name === 'later')).toMatchObject({ phase: 'failed', error: { code: 'clone_refused' } })
    await origin('later-made')
    renameSync(join(root, 'later-made'), join(root, 'later'))
    expect(await product.json<Workspace>(['up', 'later'])).toMatchObject({ phase: 'running', error: null })
  }, 30_000)

  test('over ssh is fetched with the person\'s own key, which stays at home', async () => {
    const ssh = sshCommand(join(root, 'ssh'))
    const it = await up('by-ssh', [`ssh://somewhere.example${join(root, 'origin')}`, '--branch', 'feature'], { env: { GIT_SSH_COMMAND: ssh } })
    expect(it.file('feature.txt')).toBe('feature\n')
    expect(await it.git('rev-list', '--count', 'HEAD')).toBe('4')
    const without = await refused([`ssh://somewhere.invalid${join(root, 'origin')}`, '--name', 'no-ssh'], 1)
    expect(without.stderr).toContain('check the network and the address')
    const closed = await product.cli(['up', `ssh://somewhere.example${join(root, 'nowhere')}`, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'no-ssh', '--no-open'], { exit: 2, env: { GIT_SSH_COMMAND: ssh } })
    expect(closed.stderr).toContain('does not appear to be a git repository')
    expect(closed.stderr).toContain('git ls-remote')
    expect((await product.json<Workspace[]>(['list'])).some(({ name }) => name === 'no-ssh')).toBe(false)
  }, 30_000)

  test('with submodules brings them, and says which it could not', async () => {
    const dir = await origin('with-modules')
    await git(dir, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', join(root, 'origin'), 'module')
    await git(dir, 'config', '-f', '.gitmodules', 'submodule.module.url', '../origin')
    await git(dir, 'commit', '-q', '-a', '-m', 'module')
    const it = await up('by-module', [server.url('with-modules')])
    expect(it.file('module/count.txt')).toBe('3\n')
    expect((await it.git('submodule', 'status')).trim()).toContain('module')
    await git(dir, 'config', '-f', '.gitmodules', 'submodule.module.url', '../gone')
    await git(dir, 'commit', '-q', '-a', '-m', 'gone')
    const said = await product.cli(['up', server.url('with-modules'), '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'no-module', '--no-open'])
    expect(said.stderr).toContain('submodules are missing')
  }, 40_000)
})

describe('a directory', () => {
  test('that is a shallow clone stays shallow, goes there with its changes, and its work comes back', async () => {
    const dir = join(root, 'shallow')
    await git(root, 'clone', '-q', '--depth', '2', `file://${join(root, 'origin')}`, dir)
    writeFileSync(join(dir, 'changed.txt'), 'changed\n')
    const it = await up('shallow', ['.'], { cwd: dir })
    expect(await it.git('rev-parse', '--is-shallow-repository')).toBe('true')
    expect(await it.git('rev-list', '--count', 'HEAD')).toBe('2')
    expect(await it.git('rev-parse', 'HEAD')).toBe((await git(dir, 'rev-parse', 'HEAD')).trim())
    expect(it.file('changed.txt')).toBe('changed\n')
    await product.cli(['pull', 'shallow'], { cwd: dir })
    expect(await git(dir, 'show', 'berth/shallow:made.txt')).toBe('made\n')
    expect((await git(dir, 'rev-list', '--count', 'HEAD')).trim()).toBe('2')
  }, 30_000)

  test('with a detached head and a huge file comes as it is', async () => {
    const dir = await origin('detached')
    await git(dir, 'checkout', '-q', 'HEAD~1')
    const huge = randomBytes(32 * 1024 * 1024)
    writeFileSync(join(dir, 'huge.bin'), huge)
    const it = await up('detached', ['.'], { cwd: dir })
    expect(it.file('count.txt')).toBe('2\n')
    const there = readFileSync(it.path('huge.bin'))
    expect(createHash('sha256').update(there).digest('hex')).toBe(createHash('sha256').update(huge).digest('hex'))
    expect(await git(dir, 'status', '--porcelain')).toBe('?? huge.bin\n')
  }, 40_000)

  test('without a commit begins with an empty one', async () => {
    const dir = join(root, 'unborn')
    mkdirSync(dir)
    await git(dir, 'init', '-q', '-b', 'main')
    writeFileSync(join(dir, 'first.txt'), 'first\n')
    const it = await up('unborn', ['.'], { cwd: dir })
    expect(it.file('first.txt')).toBe('first\n')
    await product.cli(['pull', 'unborn'], { cwd: dir })
    expect(await git(dir, 'show', 'berth/unborn:first.txt')).toBe('first\n')
  }, 30_000)
})

describe('the difference', () => {
  interface Diff { readonly patch: string; readonly truncated: boolean; readonly stat: { path: string; added: number; removed: number }[] }
  const started = async (name: string, source: string, command: string): Promise<Diff> => {
    await product.cli(['up', source, '--provider', 'local', '--agent', 'plain', '--command', `${command}; touch written; exec cat`, '--name', name, '--no-open'])
    return eventually(async () => { const now = await product.json<Diff>(['diff', name]); return now.stat.some(({ path }) => path === 'written') && now }, 'what the command writes')
  }

  test('that is larger than a message of the link is cut, and its files are counted, running and stopped', async () => {
    for (const [name, command] of [['large', 'seq 200000 > large.txt'], ['escaped', `head -c 200000 /dev/zero | tr '\\000' '\\001' > large.txt; echo >> large.txt; seq 199999 >> large.txt`]] as const) {
      const running = await started(name, join(root, 'origin'), command)
      expect(running.truncated).toBe(true)
      expect(running.stat.find(({ path }) => path === 'large.txt')).toEqual({ path: 'large.txt', added: 200_000, removed: 0 })
      expect((await product.cli(['diff', name, '--stat'])).stderr).toContain(`berth pull ${name}`)
    }
    await product.cli(['stop', 'large', '--wait'])
    expect((await product.json<Diff>(['diff', 'large'])).stat.find(({ path }) => path === 'large.txt')).toEqual({ path: 'large.txt', added: 200_000, removed: 0 })
  }, 120_000)

  test('is told, and terminals are listed, by a server that was just started over machines that run', async () => {
    await started('over', join(root, 'origin'), 'true')
    for (const args of [['diff', 'over', '--json'], ['attach', 'over', '--json'], ['pull', 'over', '--json'], ['logs', 'over', 'agent', '--json']]) {
      await product.cli(['server', 'stop'])
      const { stdout } = await product.cli(args, { cwd: join(root, 'origin') })
      expect([args, stdout]).toEqual([args, expect.not.stringContaining('"from":"save"')])
    }
  }, 60_000)

  test('of a stopped machine that cloned by itself says what to do instead', async () => {
    await started('cloned', server.url('origin'), 'echo work > work.txt')
    await product.cli(['stop', 'cloned', '--wait'])
    const { stderr } = await product.cli(['diff', 'cloned'], { exit: 1 })
    expect(stderr).toContain('berth pull cloned')
    await product.cli(['pull', 'cloned'], { cwd: join(root, 'origin') })
    expect(await git(join(root, 'origin'), 'show', 'berth/cloned:work.txt')).toBe('work\n')
  }, 60_000)
})
