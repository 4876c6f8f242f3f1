/** The code's way in and out, with real git, as another user. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOSTED_REFS } from '@berth/wire'
import type { CodeSource, EventBody } from '@berth/wire'
import type { AsAgent, Journal } from '../../contracts.ts'
import { createAsAgent } from '../as-agent.ts'
import { bringSource } from './source.ts'
import { createGitTree } from './tree.ts'

const AGENT = process.getuid?.() === 0 ? { uid: 65534, gid: 65534, name: 'nobody' } : null
const never = new AbortController().signal
let root = ''
let work = ''
let hosted = ''
let asAgent: AsAgent
let events: EventBody[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-git-'))
  chmodSync(root, 0o755)
  work = join(root, 'work')
  hosted = join(root, 'hosted.git')
  for (const dir of [work, hosted, join(root, 'home')]) {
    mkdirSync(dir)
    if (AGENT !== null) chownSync(dir, AGENT.uid, AGENT.gid)
  }
  events = []
  asAgent = createAsAgent({ boot: { workspaceId: 'ws_aaaabbbbcccc' as never, homeDir: join(root, 'home'), agentUser: AGENT, isolation: 'none' }, machineBoot: 'test', workspaceEnv: () => ({}) })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const journal = { append: (body: EventBody) => { events.push(body) } } as unknown as Journal
const bring = (source: CodeSource) => bringSource({ asAgent, workDir: work, hostedUrl: async () => `file://${hosted}`, unpackArchive: async () => { await asAgent.run(['touch', 'unpacked'], { cwd: work }) } }, { source, name: 'demo' }, never)
const tree = () => createGitTree({ asAgent, workDir: work, journal, hostedUrl: async () => `file://${hosted}` })
async function sh(dir: string, script: string): Promise<string> {
  const result = await asAgent.run(['bash', '-ec', script], { cwd: dir, env: { GIT_AUTHOR_NAME: 'Pat', GIT_AUTHOR_EMAIL: 'pat@example.org', GIT_COMMITTER_NAME: 'Pat', GIT_COMMITTER_EMAIL: 'pat@example.org' } })
  if (result.exitCode !== 0) throw new Error(result.stderr)
  return result.stdout
}
async function origin(): Promise<string> {
  const dir = join(root, 'home', 'origin')
  mkdirSync(dir)
  if (AGENT !== null) chownSync(dir, AGENT.uid, AGENT.gid)
  await sh(dir, `git init -q -b main; for n in staged both deleted gone renamed kept; do echo "$n 1" > $n.txt; done; git add -A; git commit -qm first; git branch side; echo 2 > second; git add -A; git commit -qm second`)
  return dir
}
/** What `berth up .` pushes from a directory with changes of every kind. */
async function upload(): Promise<string> {
  const dir = await origin()
  await sh(dir, `echo staged > staged.txt; git add staged.txt; echo one > both.txt; git add both.txt; echo two > both.txt; git rm -q deleted.txt; rm gone.txt; git mv renamed.txt moved.txt; echo new > untracked.txt; mkdir 'd ü'; echo x > 'd ü/a b'; chmod +x kept.txt`)
  await sh(dir, `cp .git/index .git/side; I=$(git commit-tree $(git write-tree) -p HEAD -m index); export GIT_INDEX_FILE=.git/side; git add -A; W=$(git commit-tree $(git write-tree) -p HEAD -p $I -m wip); git init -q --bare ${hosted}; git push -q file://${hosted} HEAD:${HOSTED_REFS.head} $W:${HOSTED_REFS.wip}`)
  return dir
}

test('clones a branch onto the branch of the workspace, as the agent', async () => {
  const brought = await bring({ kind: 'git', url: `file://${await origin()}`, branch: 'side' })
  expect(await sh(work, 'git branch --show-current; git log --format=%s; stat -c %u .git')).toBe(`berth/demo\nfirst\n${AGENT?.uid ?? process.getuid?.()}\n`)
  expect(brought.commit).toBe((await sh(work, 'git rev-parse HEAD')).trim())
})

test('clones beside what stands there, as a volume does', async () => {
  await sh(work, 'mkdir node_modules; echo cached > node_modules/x')
  const brought = await bring({ kind: 'git', url: `file://${await origin()}` })
  expect(await sh(work, 'git branch --show-current; git log --format=%s; git status --short; cat node_modules/x kept.txt; ls -A | grep -c berth || true')).toBe('berth/demo\nsecond\nfirst\n?? node_modules/\ncached\nkept 1\n0\n')
  expect(brought.commit).toBe((await sh(work, 'git rev-parse HEAD')).trim())
})

test('clones a commit', async () => {
  const dir = await origin()
  const commit = (await sh(dir, 'git rev-parse HEAD~1')).trim()
  await bring({ kind: 'git', url: `file://${dir}`, commit })
  expect((await sh(work, 'git rev-parse HEAD')).trim()).toBe(commit)
})

test('keeps the message of a clone that was refused, and says what to do', async () => {
  const refused = await bring({ kind: 'git', url: `file://${root}/nowhere` }).catch((cause: unknown) => cause)
  expect(refused).toMatchObject({ code: 'clone_refused', hint: expect.any(String), message: expect.stringContaining('does not appear to be a git repository') })
  expect(await bring({ kind: 'git', url: `file://${await origin()}`, branch: 'none' }).catch((cause: unknown) => cause)).toMatchObject({ code: 'clone_refused', message: expect.stringContaining('none') })
  expect(await bring({ kind: 'git', url: 'ext::sh -c touch% /tmp/owned' }).catch((cause: unknown) => cause)).toMatchObject({ code: 'clone_refused' })
})

test('keeps a credential of the address out of the clone and of the message', async () => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: (request) => new Response('no', { status: request.headers.get('authorization') === `Basic ${btoa('me:hunter2')}` ? 404 : 401 }) })
  try {
    const refused = await bring({ kind: 'git', url: `http://me:hunter2@127.0.0.1:${server.port}/x.git` }).catch((cause: unknown) => cause)
    expect(String((refused as Error).message)).toContain('not found')
    expect(String((refused as Error).message)).not.toContain('hunter2')
  } finally {
    await server.stop(true)
  }
})

test('a directory with changes of every kind arrives exactly', async () => {
  const dir = await upload()
  const status = await sh(dir, 'git status --porcelain=v1 -uall')
  await bring({ kind: 'hosted', label: dir })
  expect(status.split('\n').length).toBeGreaterThan(7)
  expect(await sh(work, 'git status --porcelain=v1 -uall')).toBe(status)
  expect(await sh(work, 'git diff --cached; git diff')).toBe(await sh(dir, 'git diff --cached; git diff'))
  expect(await sh(work, 'git config user.email; git branch --show-current')).toBe('pat@example.org\nberth/demo\n')
})

test('an uploaded archive and an empty workspace become repositories', async () => {
  await bring({ kind: 'archive', label: 'x' })
  expect(await sh(work, 'git ls-files; git status --porcelain; git branch --show-current')).toBe('unpacked\nberth/demo\n')
})

test('shows what changed since the source, untracked and committed work included, and cuts what is too long', async () => {
  const dir = await upload()
  await bring({ kind: 'hosted', label: dir })
  expect((await tree().diff({}, never)).patch).toBe('')
  await sh(work, 'echo more >> kept.txt; git add kept.txt; git commit -qm work; echo loose > loose.txt')
  const before = await sh(work, 'git status --porcelain; cat .git/index | sha256sum')
  const { patch, stat, truncated } = await tree().diff({}, never)
  expect(stat).toEqual([{ path: 'kept.txt', added: 1, removed: 0 }, { path: 'loose.txt', added: 1, removed: 0 }])
  expect(patch).toContain('+loose')
  expect(truncated).toBe(false)
  expect(await sh(work, 'git status --porcelain; cat .git/index | sha256sum')).toBe(before)
  expect(await tree().diff({ limitBytes: 40 }, never)).toMatchObject({ truncated: true })
})

test('saves the whole tree without touching the index, and publishes branch and save', async () => {
  const dir = await upload()
  await bring({ kind: 'hosted', label: dir })
  await sh(work, 'echo w > w.txt; git add w.txt; git commit -qm work w.txt; echo loose > loose.txt')
  const before = await sh(work, 'git status --porcelain -uall')
  const saved = await tree().checkpoint({ reason: 'before stop', publish: true, name: 'demo' }, never)
  expect(saved).toMatchObject({ ref: HOSTED_REFS.save, files: 2 })
  expect(await sh(work, 'git status --porcelain -uall; ls .git | grep -c berth- || true')).toBe(`${before}0\n`)
  expect((await sh(hosted, `git rev-parse ${HOSTED_REFS.save}`)).trim()).toBe(saved.commit ?? '')
  expect(await sh(hosted, `git show ${HOSTED_REFS.save}:loose.txt; git log -1 --format=%s ${HOSTED_REFS.out('demo')}`)).toBe('loose\nwork\n')
  expect(events).toEqual([{ type: 'checkpoint', commit: saved.commit ?? '', ref: HOSTED_REFS.save, reason: 'before stop', files: 2 }])
  await sh(work, 'git commit -q --amend -m amended')
  expect(await tree().checkpoint({ reason: 'again', publish: true, name: 'demo' }, never)).toMatchObject({ ref: HOSTED_REFS.save })
})

test('saves in the middle of a conflict', async () => {
  await bring({ kind: 'git', url: `file://${await origin()}` })
  await sh(work, 'git switch -q -c other; echo a > second; git commit -qam a; git switch -q berth/demo; echo b > second; git commit -qam b; git merge other || true')
  expect((await tree().checkpoint({ reason: 'x', publish: false, name: 'demo' }, never)).commit).toMatch(/^[0-9a-f]{40}$/)
  expect(await sh(work, 'git status --porcelain')).toContain('UU second')
})

test('a poisoned repository runs nothing with the daemon\'s rights', async () => {
  await bring({ kind: 'git', url: `file://${await origin()}` })
  const mark = join(root, 'home', 'ran')
  await sh(work, `for hook in pre-commit post-checkout pre-push reference-transaction post-index-change; do printf '#!/bin/sh\\nid -u >> ${mark}\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done; rm -f ${mark}; git config core.fsmonitor 'sh -c "id -u >> ${mark}"'; git init -q --bare ${hosted}; rm -f ${mark}; echo x > x`)
  rmSync(mark, { force: true })
  await tree().checkpoint({ reason: 'x', publish: true, name: 'demo' }, never)
  await tree().diff({}, never)
  expect(existsSync(mark)).toBe(false)
  await sh(work, `git config filter.evil.clean 'sh -c "id -u >> ${mark}; cat"'; git config diff.external 'sh -c "id -u >> ${mark}"'; echo '* filter=evil' > .gitattributes; echo y > y`)
  rmSync(mark, { force: true })
  await tree().checkpoint({ reason: 'x', publish: false, name: 'demo' }, never)
  // A filter is part of what git does with files: it runs, as the agent.
  if (AGENT !== null) expect(new Set(readFileSync(mark, 'utf8').trim().split('\n'))).toEqual(new Set([String(AGENT.uid)]))
})

test('says that there is nothing to save without a repository', async () => {
  writeFileSync(join(work, 'x'), 'x')
  expect(await tree().checkpoint({ reason: 'x', publish: true, name: 'demo' }, never)).toEqual({ commit: null, ref: null, files: 0 })
})
