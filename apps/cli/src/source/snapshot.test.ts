import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { git, tryGit } from './git.ts'
import { takeSnapshot } from './snapshot.ts'

const { signal } = new AbortController()
let root = ''
let repo = ''
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'berth-snapshot-')))
  repo = join(root, 'a repo: with "signs"')
  await mkdir(repo)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const run = (...args: string[]) => git(args, { cwd: repo, signal, env: { GIT_AUTHOR_NAME: 'p', GIT_AUTHOR_EMAIL: 'p@x', GIT_COMMITTER_NAME: 'p', GIT_COMMITTER_EMAIL: 'p@x' } })
const write = (name: string, text: string) => writeFile(join(repo, name), text)
const status = async (cwd: string) => git(['status', '--porcelain', '-z', '--untracked-files=all'], { cwd, signal })

async function committed(): Promise<void> {
  await run('init', '-q', '-b', 'main')
  for (const name of ['kept', 'staged', 'changed', 'both', 'removed', 'removed-staged', 'moved']) await write(name, `${name}\n`.repeat(20))
  await write('.gitignore', 'ignored\n')
  await run('add', '.')
  await run('commit', '-q', '-m', 'one')
}
async function dirtied(): Promise<void> {
  await write('staged', 'staged now')
  await write('both', 'staged version')
  await run('add', 'staged', 'both')
  await write('both', 'worktree version')
  await write('changed', 'changed now')
  await rm(join(repo, 'removed'))
  await run('rm', '-q', 'removed-staged')
  await run('mv', 'moved', 'moved-to')
  await write('new\nline "é" :(glob)*', 'hostile')
  await write('-rf', 'dash')
  await write('ignored', 'stays home')
  await symlink('/etc/passwd', join(repo, 'link'))
  await write('tool', 'x')
  await chmod(join(repo, 'tool'), 0o755)
}
/** Every file of the repository with its content: nothing may differ afterwards. */
async function everything(): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(repo, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) continue
    found[path] = entry.isSymbolicLink() ? await readlink(path) : `${(await lstat(path)).mode} ${Bun.hash(await readFile(path))}`
  }
  return found
}
async function check(more: { include?: string[] } = {}) {
  const scratch = join(root, 'scratch')
  await mkdir(scratch)
  const before = await everything()
  const snapshot = await takeSnapshot({ top: repo, bare: false, scratch, include: more.include ?? [], signal })
  expect(await everything()).toEqual(before)
  return snapshot
}
/** As the workspace does it: head checked out, the wip's tree over it, the index from its second parent. */
async function applied(snapshot: Awaited<ReturnType<typeof check>>): Promise<string> {
  const copy = join(root, 'copy')
  await git(['init', '-q', '-b', 'main', copy], { cwd: root, signal })
  const push = await tryGit(['push', '-q', copy, `${snapshot.head}:refs/heads/source`, ...(snapshot.wip ? [`${snapshot.wip}:refs/berth/wip`] : [])], { cwd: repo, signal, env: snapshot.env })
  expect(push).toMatchObject({ code: 0 })
  await git(['reset', '-q', '--hard', 'refs/heads/source'], { cwd: copy, signal })
  if (snapshot.wip) {
    await git(['read-tree', '-u', '-m', 'HEAD', 'refs/berth/wip'], { cwd: copy, signal })
    await git(['read-tree', 'refs/berth/wip^2'], { cwd: copy, signal })
    await tryGit(['update-index', '-q', '--refresh'], { cwd: copy, signal })
  }
  return copy
}

describe('takeSnapshot', () => {
  it('carries staged, changed, new, deleted, moved and hostile names so that status is the same, and touches nothing', async () => {
    await committed()
    await dirtied()
    const copy = await applied(await check())
    expect(await status(copy)).toBe(await status(repo))
    expect(await readFile(join(copy, 'both'), 'utf8')).toBe('worktree version')
    expect(await git(['show', ':both'], { cwd: copy, signal })).toBe('staged version')
    expect(await readlink(join(copy, 'link'))).toBe('/etc/passwd')
    expect((await readdir(copy)).includes('ignored')).toBe(false)
  })

  it('makes no second commit of a clean tree', async () => {
    await committed()
    expect((await check()).wip).toBeNull()
  })

  it('sees an edit made in the same second as the last add', async () => {
    await committed()
    await write('kept', 'KEPT\n'.repeat(20))
    const copy = await applied(await check())
    expect(await readFile(join(copy, 'kept'), 'utf8')).toBe('KEPT\n'.repeat(20))
  })

  it('leaves untracked secrets at home and says so, and sends those that were named', async () => {
    await committed()
    await write('.env', 'TOKEN=1')
    await write('id_rsa', 'k')
    const snapshot = await check({ include: ['id_rsa', 'ignored'].slice(0, 1) })
    expect(snapshot.kept).toEqual(['.env'])
    const names = await git(['ls-tree', '--name-only', `${snapshot.wip}`], { cwd: repo, signal, env: snapshot.env })
    expect(names).toContain('id_rsa')
    expect(names).not.toContain('.env')
  })

  it('runs no hook and no watcher of the repository', async () => {
    await committed()
    const trap = join(root, 'ran')
    for (const hook of ['post-index-change', 'pre-commit', 'post-commit', 'pre-push', 'reference-transaction']) await writeFile(join(repo, '.git/hooks', hook), `#!/bin/sh\ntouch '${trap}'\n`, { mode: 0o755 })
    await run('config', 'core.fsmonitor', `touch '${trap}'`)
    await write('changed', 'x')
    await applied(await check())
    expect(await Bun.file(trap).exists()).toBe(false)
  })

  it('works from a repository without commits', async () => {
    await run('init', '-q', '-b', 'main')
    await write('first', '1')
    await run('add', 'first')
    await write('second', '2')
    const snapshot = await check()
    expect(snapshot.notices).toHaveLength(1)
    expect(await status(await applied(snapshot))).toBe(await status(repo))
  })

  it('works from a detached head and from a linked worktree', async () => {
    await committed()
    await run('worktree', 'add', '-q', '--detach', join(root, 'linked'))
    const main = repo
    repo = join(root, 'linked')
    await write('changed', 'in the linked one')
    const snapshot = await check()
    expect(snapshot.branch).toBeNull()
    expect(await status(await applied(snapshot))).toBe(await status(repo))
    repo = main
  })

  it('refuses a merge with conflicts and a sha256 repository with what to do', async () => {
    await committed()
    await run('checkout', '-q', '-b', 'other')
    await write('kept', 'other')
    await run('commit', '-qam', 'other')
    await run('checkout', '-q', 'main')
    await write('kept', 'main')
    await run('commit', '-qam', 'main')
    await tryGit(['merge', 'other'], { cwd: repo, signal, env: { GIT_AUTHOR_NAME: 'p', GIT_AUTHOR_EMAIL: 'p@x', GIT_COMMITTER_NAME: 'p', GIT_COMMITTER_EMAIL: 'p@x' } })
    expect(await check().catch((error: unknown) => error)).toMatchObject({ code: 'conflict' })
    repo = join(root, 'sha256')
    await git(['init', '-q', '--object-format=sha256', repo], { cwd: root, signal })
    expect(await takeSnapshot({ top: repo, bare: false, scratch: join(root, 'scratch'), include: [], signal }).catch((error: unknown) => error)).toMatchObject({ code: 'unsupported' })
  })

  it('names repositories inside the repository and leaves them at home', async () => {
    await committed()
    await git(['init', '-q', join(repo, 'nested')], { cwd: repo, signal })
    await write('nested/file', 'x')
    expect((await check()).notices.join()).toContain('nested/')
  })
})
