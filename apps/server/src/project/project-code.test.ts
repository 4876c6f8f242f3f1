/** What a project says, from a real repository behind git's own HTTP backend, and from one that was pushed to us. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { workspaceRow } from '@berth/testkit'
import type { ProjectSays, WorkspaceRecord } from '@berth/core'
import type { GitHostId } from '@berth/wire'
import { createRepositories } from '../git-hosting/repositories.ts'
import { createProjectCode } from './project-code.ts'

const root = mkdtempSync(join(tmpdir(), 'berth-project-'))
const context = { signal: new AbortController().signal, log: () => {} }
const git = (cwd: string, ...args: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', HOME: root, GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@t' } })
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}
const ALLOWED = 'x-access-token:a-token-of-moments'
const backend = Bun.serve({
  port: 0, hostname: '127.0.0.1',
  async fetch(request) {
    const url = new URL(request.url)
    if (url.pathname.startsWith('/private/') && request.headers.get('authorization') !== `Basic ${Buffer.from(ALLOWED).toString('base64')}`) return new Response('who?\n', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } })
    const child = Bun.spawn(['git', '-c', 'uploadpack.allowFilter=true', 'http-backend'], {
      env: { PATH: process.env['PATH'] ?? '', HOME: root, GIT_PROJECT_ROOT: join(root, 'served'), GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname.replace(/^\/private/, ''), QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers.get('content-type') ?? '', HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '', GIT_PROTOCOL: request.headers.get('git-protocol') ?? '' },
      stdin: new Blob([await request.arrayBuffer()]), stdout: 'pipe', stderr: 'ignore',
    })
    const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer())
    const end = bytes.indexOf('\r\n\r\n')
    const headers = new Headers(bytes.subarray(0, end).toString().split('\r\n').map((line) => line.split(': ') as [string, string]))
    return new Response(bytes.subarray(end + 4), { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers })
  },
})
const url = (name: string): string => `http://127.0.0.1:${backend.port}/${name}`

beforeAll(() => {
  const dir = join(root, 'served/app')
  for (const [path, content] of Object.entries({ '.devcontainer/devcontainer.json': '{"image":"debian:12"}', 'go.mod': 'module x', 'big/data': 'not looked at' })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
  git(dir, 'init', '-q', '-b', 'main')
  git(dir, 'add', '-A')
  git(dir, 'commit', '-qm', 'first')
  git(dir, 'checkout', '-q', '-b', 'bare')
  git(dir, 'rm', '-rqf', '.devcontainer')
  git(dir, 'commit', '-qm', 'without')
  git(dir, 'checkout', '-q', 'main')
})
afterAll(async () => {
  await backend.stop(true)
  rmSync(root, { recursive: true, force: true })
})

const repositories = createRepositories({ dir: join(root, 'hosted') })
/** No app and no stored token, but what is told. */
interface Credentials { readonly app?: () => { token: string; release(): void }; readonly stored?: { username: string; token: string } }
async function ask(row: Partial<WorkspaceRecord['workspace']>, { app, stored }: Credentials = {}): Promise<ProjectSays | undefined> {
  const workspace = workspaceRow({ image: null, project: { revision: 1, outline: null, from: 'source' }, ...row })
  const record = { workspace, machine: null }
  const projects = createProjectCode({
    repositories, dir: join(root, 'looks'), keysDir: join(root, 'keys'), log: () => {},
    store: { getWorkspace: async () => record, deployKeys: { of: async () => null }, gitHosts: { credential: async () => (stored === undefined ? null : { id: 'gh_stored' as GitHostId, kind: 'generic' as const, ...stored }) } },
    github: { credentialFor: async () => (app === undefined ? null : { lease: { expiresAt: Infinity, discard() {}, ...app() } }) },
  })
  const says = await projects.projectOf(record)?.look(context)
  if (says?.kind !== 'devcontainer') await projects.forget(workspace.id)
  return says
}

describe('a project at a url', () => {
  it('is looked at, and of its files only those asked for are fetched', async () => {
    const says = await ask({ source: { kind: 'git', url: url('app/.git') } })
    if (says?.kind !== 'devcontainer') throw new Error(JSON.stringify(says))
    expect(says).toMatchObject({ path: '.devcontainer/devcontainer.json', others: [] })
    expect(await says.contentOf('.devcontainer')).toBe(git(join(root, 'served/app'), 'rev-parse', 'main:.devcontainer'))
    const dir = join(root, 'out')
    await says.checkOut(dir, ['.devcontainer'], context)
    expect(readFileSync(join(dir, '.devcontainer/devcontainer.json'), 'utf8')).toBe('{"image":"debian:12"}')
    expect(existsSync(join(dir, 'go.mod'))).toBe(false)
    await says.checkOut(dir, [''], context)
    expect(readFileSync(join(dir, 'big/data'), 'utf8')).toBe('not looked at')
  })

  it('is looked at in the branch or the commit that was asked for', async () => {
    expect(await ask({ source: { kind: 'git', url: url('app/.git'), branch: 'bare' } })).toMatchObject({ kind: 'language', language: { name: 'Go' } })
    expect(await ask({ source: { kind: 'git', url: url('app/.git'), commit: git(join(root, 'served/app'), 'rev-parse', 'main') } })).toMatchObject({ kind: 'devcontainer' })
  })

  it('that is private is read with a token of the app, which is had for that moment only and written nowhere', async () => {
    const [username = '', token = ''] = ALLOWED.split(':')
    let out = 0
    const app = () => {
      out++
      return { token, release: () => void out-- }
    }
    const says = await ask({ source: { kind: 'git', url: url('private/app') } }, { app })
    if (says?.kind !== 'devcontainer') throw new Error(JSON.stringify(says))
    expect(out).toBe(0)
    const dir = join(root, 'private-out')
    await says.checkOut(dir, ['.devcontainer'], context)
    expect(readFileSync(join(dir, '.devcontainer/devcontainer.json'), 'utf8')).toBe('{"image":"debian:12"}')
    expect(out).toBe(0)
    const written = Bun.spawnSync(['grep', '-rlaE', `${token}|${Buffer.from(ALLOWED).toString('base64')}`, join(root, 'looks'), dir])
    expect([written.exitCode, written.stdout.toString()]).toEqual([1, ''])
    expect(await ask({ source: { kind: 'git', url: url('private/app'), branch: 'bare' } }, { stored: { username, token } })).toMatchObject({ kind: 'language' })
    expect(await ask({ source: { kind: 'git', url: url('private/app') } })).toMatchObject({ kind: 'unreadable' })
    expect(await ask({ source: { kind: 'git', url: url('private/app') } }, { stored: { username, token: 'another' } })).toMatchObject({ kind: 'unreadable' })
  })

  it('that cannot be had is said to be so, and a path of this host is none of ours to read', async () => {
    expect(await ask({ source: { kind: 'git', url: url('missing/.git') } })).toMatchObject({ kind: 'unreadable' })
    expect(await ask({ source: { kind: 'git', url: `file://${join(root, 'served/app')}` } })).toEqual({ kind: 'nothing' })
  })
})

describe('a project that was pushed', () => {
  it('says what it says in the work that is not committed', async () => {
    const { id } = workspaceRow({})
    const hosted = await repositories.ensure(id)
    const app = join(root, 'served/app')
    git(app, 'push', '-q', hosted, 'bare:refs/heads/berth/source')
    expect(await ask({ id, source: { kind: 'hosted', label: 'app' }, sourceReady: true })).toMatchObject({ kind: 'language' })
    git(app, 'push', '-q', hosted, 'main:refs/berth/wip')
    expect(await ask({ id, source: { kind: 'hosted', label: 'app' }, sourceReady: true })).toMatchObject({ kind: 'devcontainer' })
    // And anew from what the machine saved.
    git(app, 'push', '-q', hosted, 'bare:refs/berth/save')
    expect(await ask({ id, source: { kind: 'hosted', label: 'app' }, sourceReady: true, project: { revision: 2, outline: null, from: 'save' } })).toMatchObject({ kind: 'language' })
  })

  it('is not waited for when the person\'s command line saw that it says nothing', async () => {
    const project = { revision: 1, outline: ['README.md', 'Cargo.toml'], from: 'source' as const }
    expect(await ask({ source: { kind: 'hosted', label: 'app' }, sourceReady: false, project })).toMatchObject({ kind: 'language', language: { name: 'Rust' } })
  })

  it('is not asked when somebody chose an image, and not waited for when nobody wants the machine', async () => {
    expect(await ask({ image: 'debian:12' })).toBeUndefined()
    const wish = { target: 'stopped' as const, by: 'user' as const, version: 2, reason: null, at: 1 }
    await expect(ask({ source: { kind: 'hosted', label: 'app' }, sourceReady: false, wish })).rejects.toMatchObject({ code: 'cancelled' })
  })
})
