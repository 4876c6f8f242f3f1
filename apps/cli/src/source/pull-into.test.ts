import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkspaceId } from '@berth/wire'
import { git } from './git.ts'
import { pullInto } from './pull-into.ts'
import { pushSnapshot } from './push.ts'
import { takeSnapshot } from './snapshot.ts'

const { signal } = new AbortController()
const ID = 'ws_0123456789ab' as WorkspaceId
const who = { GIT_AUTHOR_NAME: 'p', GIT_AUTHOR_EMAIL: 'p@x', GIT_COMMITTER_NAME: 'p', GIT_COMMITTER_EMAIL: 'p@x' }
let root = ''
let server: ReturnType<typeof Bun.serve>
const run = (cwd: string, ...args: string[]) => git(args, { cwd, signal, env: who })

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'berth-pull-')))
  await run(root, 'init', '-q', '--bare', `git/${ID}`)
  await run(join(root, 'git', ID), 'config', 'http.receivepack', 'true')
  server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: backend })
  await run(root, 'init', '-q', '-b', 'main', 'repo')
  await writeFile(join(root, 'repo/file'), 'one\n')
  await run(join(root, 'repo'), 'add', '.')
  await run(join(root, 'repo'), 'commit', '-qm', 'one')
})
afterEach(async () => {
  await server.stop(true)
  await rm(root, { recursive: true, force: true })
})

/** Git's own CGI as the hosted repository. */
async function backend(request: Request): Promise<Response> {
  if (request.headers.get('authorization') !== 'Bearer t0k') return new Response('', { status: 401 })
  const url = new URL(request.url)
  const child = Bun.spawn(['git', 'http-backend'], {
    env: { PATH: process.env['PATH'] ?? '', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers.get('content-type') ?? '', HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '', GIT_PROTOCOL: request.headers.get('git-protocol') ?? '' },
    stdin: new Blob([await request.arrayBuffer()]), stdout: 'pipe', stderr: 'ignore',
  })
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = bytes.indexOf('\r\n\r\n')
  const headers = new Headers(bytes.subarray(0, end).toString().split('\r\n').map((line) => line.split(': ') as [string, string]))
  return new Response(bytes.subarray(end + 4), { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers })
}
const target = () => ({ url: `http://127.0.0.1:${server.port}`, token: 't0k', id: ID })

/** The code goes out, somebody works on it there. */
async function worked(repo: string): Promise<string> {
  const scratch = join(root, 'side')
  await mkdir(scratch)
  await pushSnapshot(repo, await takeSnapshot({ top: repo, bare: false, scratch, include: [], signal }), { target: target(), signal })
  await run(root, 'clone', '-q', '--branch', 'berth/source', join(root, 'git', ID), 'there')
  await writeFile(join(root, 'there/file'), 'two\n')
  await run(join(root, 'there'), 'commit', '-qam', 'two')
  await run(join(root, 'there'), 'push', '-q', 'origin', 'HEAD:refs/heads/berth/demo')
  return (await run(join(root, 'there'), 'rev-parse', 'HEAD')).trim()
}
async function check(repo: string, commit: string, anyRepository = false) {
  const scratch = await mkdtemp(join(root, 'scratch-'))
  return pullInto({ cwd: repo, anyRepository, origin: 'elsewhere', name: 'demo', scratch, ref: 'refs/heads/berth/demo', commit, target: target() }, signal)
}

describe('pullInto', () => {
  it('brings the work back as one branch and changes nothing else', async () => {
    const repo = join(root, 'repo')
    await writeFile(join(repo, 'file'), 'mine\n')
    const commit = await worked(repo)
    const before = [await run(repo, 'status', '--porcelain'), await run(repo, 'for-each-ref'), await run(repo, 'config', '--list', '--local')]
    expect(await check(repo, commit)).toMatchObject({ branch: 'berth/demo', previous: null, commits: 1 })
    expect(await run(repo, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads/berth')).toBe(`refs/heads/berth/demo ${commit}\n`)
    await run(repo, 'update-ref', '-d', 'refs/heads/berth/demo')
    expect([await run(repo, 'status', '--porcelain'), await run(repo, 'for-each-ref'), await run(repo, 'config', '--list', '--local')]).toEqual(before)
    expect(await Bun.file(join(repo, '.git/FETCH_HEAD')).exists()).toBe(false)
  })

  it('refuses another repository unless it was named, and a branch that is checked out', async () => {
    const commit = await worked(join(root, 'repo'))
    await run(root, 'init', '-q', '-b', 'main', 'other')
    const other = join(root, 'other')
    await run(other, 'commit', '-q', '--allow-empty', '-m', 'other')
    expect(await check(other, commit).catch((error: unknown) => error)).toMatchObject({ code: 'conflict' })
    expect(await run(other, 'for-each-ref', 'refs/heads/berth')).toBe('')
    await check(other, commit, true)
    await run(other, 'checkout', '-q', 'berth/demo')
    expect(await check(other, commit, true).catch((error: unknown) => error)).toMatchObject({ code: 'conflict' })
    expect(await check(root, commit).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
  })
})
