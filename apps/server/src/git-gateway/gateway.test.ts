import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LFS_BASE_HEADER } from '@berth/wire/daemon'
import { HOST_TOKEN, openGitWorld } from './testing.ts'
import type { GatewayWorkspace, GitWorld } from './testing.ts'

setDefaultTimeout(60_000)
let w: GitWorld
beforeAll(async () => {
  w = await openGitWorld()
  for (const name of ['private-own', 'private-shared', 'private-other', 'open']) w.repository(name)
})
afterAll(() => w?.close())

let count = 0
/** A workspace with a clone of its repository, made through the gateway. */
async function working(over: Parameters<GatewayWorkspace['policy']>[0] = {}): Promise<GatewayWorkspace & { dir: string; change(path: string, text: string): Promise<void>; push(...args: string[]): ReturnType<GatewayWorkspace['git']> }> {
  const ws = await w.workspace(`demo${++count}`)
  await ws.policy(over)
  const dir = mkdtempSync(join(w.root, 'work-'))
  expect(await ws.git(dir, 'clone', '-q', `${w.origin}/private-own.git`, '.')).toMatchObject({ code: 0 })
  return {
    ...ws, dir,
    push: (...args) => ws.git(dir, 'push', 'origin', ...args),
    async change(path, text) {
      mkdirSync(dirname(join(dir, path)), { recursive: true })
      writeFileSync(join(dir, path), text)
      await ws.git(dir, 'add', '-A')
      expect(await ws.git(dir, 'commit', '-qm', `change ${path}`)).toMatchObject({ code: 0 })
    },
  }
}
/** A push of which git is gone as soon as a person is asked, or when it is done. */
async function cutOff(ws: Awaited<ReturnType<typeof working>>, ...refs: string[]): Promise<void> {
  const child = Bun.spawn(['git', '-c', `url.${ws.remote('x').replace(/x\.git$/, '')}.insteadOf=${w.origin}/`, 'push', 'origin', ...refs], { cwd: ws.dir, detached: true, stdout: 'ignore', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '', HOME: w.root } })
  let text = ''
  for await (const chunk of child.stderr) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('waiting for')) break
  }
  if (child.exitCode !== null || !text.includes('waiting for')) return void (await child.exited)
  const gone = await goneAway()
  // git and its helper that speaks http.
  process.kill(-child.pid, 'SIGKILL')
  await child.exited
  // An answer that comes before the server knows of it would let this push go.
  while ((await goneAway()) === gone) await Bun.sleep(5)
}
const goneAway = async () => (await w.audit()).filter(({ reason }) => reason === 'whoever pushed went away').length
const lastOf = async () => (await w.audit()).at(-1)

describe('reading', () => {
  test.each(['0', '1', '2'])('works with protocol %s, shallow, partial, and again', async (version) => {
    const ws = await w.workspace(`reads${version}`)
    const at = (name: string) => join(mkdtempSync(join(w.root, 'reads-')), name)
    for (const way of [[], ['--depth=1'], ['--filter=blob:none']]) {
      const dir = at('clone')
      expect(await ws.git(w.root, '-c', `protocol.version=${version}`, 'clone', '-q', ...way, `${w.origin}/private-own.git`, dir)).toMatchObject({ code: 0 })
      expect(readFileSync(join(dir, 'ledger.txt'), 'utf8')).toBe('private-own\n')
      expect(await ws.git(dir, '-c', `protocol.version=${version}`, 'fetch', '-q', ...(way[0] === '--depth=1' ? ['--unshallow'] : []))).toMatchObject({ code: 0 })
    }
  })
  test('of more repositories, as a person says, from the next operation on', async () => {
    const ws = await w.workspace('more')
    expect((await ws.git(w.root, 'ls-remote', `${w.origin}/private-shared.git`)).text).toContain('did not let the server in')
    await ws.policy({ repositories: [{ url: `${w.origin}/private-shared`, access: 'read' }] })
    expect((await ws.git(w.root, 'ls-remote', `${w.origin}/private-shared.git`)).text).toContain('refs/heads/main')
    expect((await ws.git(w.root, 'ls-remote', `${w.origin}/private-other.git`)).code).not.toBe(0)
    const dir = mkdtempSync(join(w.root, 'more-'))
    await ws.git(dir, 'clone', '-q', `${w.origin}/private-shared.git`, '.')
    expect((await ws.git(dir, 'push', 'origin', 'HEAD:refs/heads/berth/more')).text).toContain('--repo')
    await ws.policy({ repositories: [{ url: `${w.origin}/private-shared`, access: 'write' }] })
    expect(await ws.git(dir, 'push', 'origin', 'HEAD:refs/heads/berth/more')).toMatchObject({ code: 0 })
    await ws.policy({})
    expect((await ws.git(dir, 'fetch')).code).not.toBe(0)
  })
  test('gives nothing of what the host says when it cannot be written down', async () => {
    const ws = await w.workspace('unwritten')
    const { audit } = w.database.store
    const { write } = audit
    const refsAsked = () => w.ask(ws.id, new Request(`http://link/upstream/http/127.0.0.1:${w.host.port}/private-own.git/git-upload-pack`, { method: 'POST', headers: { 'content-type': 'application/x-git-upload-pack-request', 'git-protocol': 'version=2' }, body: '0014command=ls-refs\n00010009peel\n0000' }))
    try {
      audit.write = () => Promise.reject(new Error('the database is away'))
      const refused = await refsAsked()
      expect(refused.status).toBe(500)
      expect(await refused.text()).not.toContain('refs/heads/main')
    } finally {
      audit.write = write
    }
    const given = await refsAsked()
    expect([given.status, (await given.text()).includes('refs/heads/main')]).toEqual([200, true])
  })
  test('of submodules that it may reach', async () => {
    const seed = mkdtempSync(join(w.root, 'sub-'))
    await w.person(seed, 'clone', '-q', `${w.origin}/private-other.git`, '.')
    await w.person(seed, 'submodule', 'add', '-q', `${w.origin}/private-shared.git`, 'shared')
    await w.person(seed, 'commit', '-qm', 'with a submodule')
    expect(await w.person(seed, 'push', '-q', 'origin', 'HEAD:main')).toMatchObject({ code: 0 })
    const ws = await w.workspace('subs', { source: { kind: 'git', url: `${w.origin}/private-other.git` } })
    await ws.policy({ repositories: [{ url: `${w.origin}/private-shared.git`, access: 'read' }] })
    const dir = join(mkdtempSync(join(w.root, 'subs-')), 'clone')
    expect(await ws.git(w.root, 'clone', '-q', '--recurse-submodules', `${w.origin}/private-other.git`, dir)).toMatchObject({ code: 0 })
    expect(readFileSync(join(dir, 'shared/ledger.txt'), 'utf8')).toBe('private-shared\n')
  })
})

describe('a push', () => {
  test('to a chosen branch adds, and never rewrites', async () => {
    const ws = await working({ branch: 'chosen' })
    await ws.change('a.txt', 'one\n')
    expect(await ws.push('HEAD:chosen')).toMatchObject({ code: 0 })
    await ws.change('a.txt', 'two\n')
    expect(await ws.push('HEAD:chosen')).toMatchObject({ code: 0 })
    const at = w.refs('private-own')['refs/heads/chosen']
    await ws.git(ws.dir, 'commit', '-q', '--amend', '-m', 'other')
    const refused = await ws.push('+HEAD:chosen')
    expect(refused.text).toContain('it would be rewritten, and this workspace may only add to it')
    expect(w.refs('private-own')['refs/heads/chosen']).toBe(at)
    expect(await lastOf()).toMatchObject({ action: 'git.push', allowed: false, refs: [{ ref: 'refs/heads/chosen', from: at }] })
    // What it says of the old commit is not believed either.
    expect((await ws.push(`--force-with-lease=chosen:${'1'.repeat(40)}`, '+HEAD:chosen')).code).not.toBe(0)
  })
  test('of tags and deletions goes as the patterns say', async () => {
    const ws = await working({ tags: true, delete: ['refs/heads/berth/{name}-*'] })
    await ws.change('t.txt', 'x\n')
    expect(await ws.push(`HEAD:refs/tags/${ws.name}`, `HEAD:berth/${ws.name}-gone`)).toMatchObject({ code: 0 })
    expect(await ws.push(`:berth/${ws.name}-gone`)).toMatchObject({ code: 0 })
    expect((await ws.push(`+HEAD~1:refs/tags/${ws.name}`)).text).toContain('a tag that is there is not changed from a workspace')
  })
  test('is carried gzipped, chunked, and behind an expectation', async () => {
    const ws = await working()
    for (let n = 0; n < 300; n++) await ws.git(ws.dir, 'update-ref', `refs/heads/many-${n}`, 'HEAD')
    await ws.change('big.txt', crypto.getRandomValues(new Uint8Array(48 * 1024)).toBase64().repeat(40))
    expect(await ws.git(ws.dir, '-c', 'http.expectContinue=true', '-c', 'http.postBuffer=1024', 'push', 'origin', `HEAD:berth/${ws.name}/big`, ...Array.from({ length: 300 }, (_, n) => `many-${n}:refs/heads/berth/${ws.name}/many-${n}`))).toMatchObject({ code: 0 })
    expect(await ws.git(ws.dir, '-c', 'protocol.version=0', 'fetch', '-q', 'origin')).toMatchObject({ code: 0 })
  })
})

describe('a protected workspace', () => {
  test('sends what its person allowed, who saw what it is', async () => {
    const ws = await working({ profile: 'protected', branch: 'release' })
    await ws.change('src/a.ts', 'one\ntwo\n')
    const [pushed, asked] = await Promise.all([ws.push('HEAD:release'), w.answer(ws.id, 'allow')])
    expect(pushed).toMatchObject({ code: 0 })
    expect(pushed.text).toMatch(/remote: berth: waiting for .+ to allow this push, up to 15 minutes/)
    expect(pushed.text).toContain(`http://berth.test/workspaces/${ws.id}?approval=apr_`)
    expect(pushed.text).toContain('remote: berth: Ana allowed it.')
    expect(asked.title).toMatch(/^push 1 commit \(\+2 -0\) to release of 127\.0\.0\.1:\d+\/private-own$/)
    expect(asked.input).toMatchObject({ repository: `${w.origin}/private-own`, commits: expect.stringContaining('change src/a.ts'), files: '1 file, +2 -0\nsrc/a.ts +2 -0', refs: expect.stringContaining('refs/heads/release: new →') })
    expect(w.refs('private-own')['refs/heads/release']).toBe((await ws.git(ws.dir, 'rev-parse', 'HEAD')).text.trim())
    expect(await lastOf()).toMatchObject({ allowed: true, refs: [{ ref: 'refs/heads/release' }] })
  })
  test('sends nothing that its person denied, and git says why', async () => {
    const ws = await working({ profile: 'protected' })
    await ws.change('b.txt', 'x\n')
    const [pushed] = await Promise.all([ws.push(`HEAD:berth/${ws.name}`), w.answer(ws.id, 'deny', 'not before the\nfreeze')])
    expect(pushed.text).toContain('[remote rejected]')
    expect(pushed.text).toContain('Ana denied it: not before the freeze')
    expect(w.refs('private-own')).not.toHaveProperty(`refs/heads/berth/${ws.name}`)
    expect(await lastOf()).toMatchObject({ allowed: false, reason: 'Ana denied it: not before the\nfreeze' })
  })
  test('goes on at once where the answer came while git was away', async () => {
    const ws = await working({ profile: 'protected' })
    await ws.change('c.txt', 'x\n')
    await cutOff(ws, `HEAD:berth/${ws.name}`)
    await w.answer(ws.id, 'allow')
    expect(await ws.push(`HEAD:berth/${ws.name}`)).toMatchObject({ code: 0 })
    expect(await w.database.store.approvals.list({ workspaceId: ws.id, all: true })).toHaveLength(1)
  })
  test('asks anew when another commit stands behind the last ref that is shown', async () => {
    const ws = await working({ profile: 'protected' })
    await ws.change('shown.txt', 'x\n')
    const first = (await ws.git(ws.dir, 'rev-parse', 'HEAD')).text.trim()
    const base = (await ws.git(ws.dir, 'rev-parse', 'HEAD~1')).text.trim()
    const refs = Array.from({ length: 21 }, (_, n) => `refs/heads/berth/${ws.name}/${String(n).padStart(2, '0')}`)
    const last = refs.at(-1) ?? ''
    const with21st = (id: string) => [...refs.slice(0, 20).map((ref) => `${first}:${ref}`), `${id}:${last}`]
    await cutOff(ws, ...with21st(first))
    const allowed = await w.answer(ws.id, 'allow')
    expect(allowed.input['refs']).toMatch(/\nand 1 more; all of them have the sum [0-9a-f]{64}$/)
    await cutOff(ws, ...with21st(base))
    expect(w.refs('private-own')).not.toHaveProperty(last)
    expect(await w.database.store.approvals.list({ workspaceId: ws.id, all: true })).toHaveLength(2)
    expect(await ws.push(...with21st(first))).toMatchObject({ code: 0 })
    expect(w.refs('private-own')[last]).toBe(first)
  })
  test('keeps what a host runs by itself, what is too large and what looks like a secret, in any of its commits', async () => {
    const ws = await working({ profile: 'protected', approval: 'none', maxFileBytes: 1000 })
    const head = `HEAD:berth/${ws.name}`
    await ws.change('.github/workflows/ci.yml', 'on: push\n')
    expect((await ws.push(head)).text).toContain('.github/workflows/ci.yml: the host runs this file by itself')
    await ws.git(ws.dir, 'rm', '-q', '.github/workflows/ci.yml')
    await ws.git(ws.dir, 'commit', '-qm', 'taken out')
    expect((await ws.push(head)).text).toContain('.github/workflows/ci.yml')
    await ws.git(ws.dir, 'reset', '-q', '--hard', 'origin/main')
    await ws.change('big.bin', 'x'.repeat(1001))
    expect((await ws.push(head)).text).toContain('big.bin: 1001 bytes; up to 1000 may leave')
    await ws.git(ws.dir, 'reset', '-q', '--hard', 'origin/main')
    const token = `ghp_${'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6'}`
    await ws.change('config/x.env', `A=1\nTOKEN=${token}\n`)
    await ws.change('config/x.env', 'A=1\n')
    const secret = await ws.push(head)
    expect(secret.text).toContain('config/x.env:2: a token of GitHub')
    expect(secret.text).not.toContain(token)
    expect(JSON.stringify(await w.audit())).not.toContain(token)
    expect(w.refs('private-own')).not.toHaveProperty(`refs/heads/berth/${ws.name}`)
    await ws.git(ws.dir, 'reset', '-q', '--hard', 'origin/main')
    await ws.change('fine.txt', 'x\n')
    expect(await ws.push(head)).toMatchObject({ code: 0 })
    // A merge may bring what neither side had.
    await ws.git(ws.dir, 'checkout', '-q', '-b', 'side', 'HEAD~1')
    await ws.change('side.txt', 'x\n')
    await ws.git(ws.dir, 'checkout', '-q', 'main')
    await ws.git(ws.dir, 'merge', '-q', '--no-commit', 'side')
    await ws.change('in-the-merge.txt', `${token}\n`)
    expect((await ws.push(head)).text).toContain('in-the-merge.txt:1: a token of GitHub')
  })
  test('lets a person decide about what a host runs by itself, where that is the choice', async () => {
    const ws = await working({ profile: 'protected', approval: 'none', askWorkflows: true })
    await ws.change('.gitlab-ci.yml', 'test: { script: [make] }\n')
    const head = `HEAD:berth/${ws.name}`
    const [denied, no] = await Promise.all([ws.push(head), w.answer(ws.id, 'deny', 'not today')])
    expect(no).toMatchObject({ title: expect.stringContaining(', changing what the host runs'), input: { 'run by the host': '.gitlab-ci.yml' } })
    expect(denied.text).toContain('not today')
    expect(w.refs('private-own')).not.toHaveProperty(`refs/heads/berth/${ws.name}`)
    const [allowed] = await Promise.all([ws.push(head), w.answer(ws.id, 'allow')])
    expect(allowed).toMatchObject({ code: 0 })
    // Nothing of that kind: nobody is asked.
    await ws.change('plain.txt', 'x\n')
    expect(await ws.push(head)).toMatchObject({ code: 0 })
    expect(await w.database.store.approvals.list({ workspaceId: ws.id, all: true })).toHaveLength(2)
  })
  test('notes one row for each attempt, refused ones too', async () => {
    const ws = await working({ profile: 'protected', approval: 'none' })
    const rows = async () => (await w.audit()).filter(({ workspaceId, action }) => workspaceId === ws.id && action === 'git.push').map(({ allowed }) => allowed)
    await ws.change('a', '1')
    await ws.push(`HEAD:berth/${ws.name}`)
    await ws.push('HEAD:main')
    await ws.push('HEAD:refs/tags/x')
    await ws.change('.github/workflows/x.yml', 'x')
    await ws.push(`HEAD:berth/${ws.name}`)
    expect(await rows()).toEqual([true, false, false, false])
  })
})

describe('git-lfs', () => {
  test('carries large files both ways, and no token of the host comes in', async () => {
    const ws = await working()
    const setup = async (dir: string) => { for (const [key, value] of [['filter.lfs.clean', 'git-lfs clean -- %f'], ['filter.lfs.smudge', 'git-lfs smudge -- %f'], ['filter.lfs.process', 'git-lfs filter-process'], ['filter.lfs.required', 'true']] as const) await ws.git(dir, 'config', key, value) }
    await setup(ws.dir)
    const large = crypto.getRandomValues(new Uint8Array(300_000)).toBase64()
    await ws.change('.gitattributes', '*.bin filter=lfs diff=lfs merge=lfs -text\n')
    await ws.change('large.bin', large)
    expect((await ws.git(ws.dir, 'show', 'HEAD:large.bin')).text).toContain('git-lfs.github.com/spec')
    const sent = await ws.git(ws.dir, 'lfs', 'push', 'origin', 'main')
    expect(sent).toMatchObject({ code: 0 })
    expect(await ws.push(`HEAD:berth/${ws.name}`)).toMatchObject({ code: 0 })
    const clone = join(mkdtempSync(join(w.root, 'lfs-')), 'clone')
    expect(await ws.git(w.root, '-c', 'filter.lfs.smudge=git-lfs smudge --skip -- %f', 'clone', '-q', '-b', `berth/${ws.name}`, `${w.origin}/private-own.git`, clone)).toMatchObject({ code: 0 })
    await setup(clone)
    const got = await ws.git(clone, 'lfs', 'pull')
    expect(got).toMatchObject({ code: 0 })
    expect(readFileSync(join(clone, 'large.bin'), 'utf8')).toBe(large)
    const kept = Bun.spawnSync(['grep', '-rlE', `canary-lfs|${HOST_TOKEN}|${btoa(`x-access-token:${HOST_TOKEN}`)}`, clone, ws.dir]).stdout.toString()
    expect(kept).toBe('')
    expect((await w.audit()).filter(({ action, workspaceId }) => action === 'git.lfs' && workspaceId === ws.id).map(({ allowed }) => allowed)).toContain(true)
    expect(existsSync(join(clone, '.git/lfs'))).toBe(true)
  })
  /** Straight, as a machine that keeps to nothing. */
  const batch = async (ws: GatewayWorkspace, operation: 'upload' | 'download', objects: readonly { oid: string; size: number }[]) => {
    const answer = await w.ask(ws.id, new Request(`http://link/upstream/http/127.0.0.1:${w.host.port}/private-own.git/info/lfs/objects/batch`, {
      method: 'POST', headers: { 'content-type': 'application/vnd.git-lfs+json', [LFS_BASE_HEADER]: `http://127.0.0.1:1/${'a'.repeat(48)}` }, body: JSON.stringify({ operation, objects }),
    }))
    const { objects: answered = [], message } = (await answer.json()) as { objects?: { actions?: Record<string, { href: string }> }[]; message?: string }
    return { status: answer.status, message, actions: answered[0]?.actions ?? {} }
  }
  const put = async (ws: GatewayWorkspace, place: { href: string } | undefined, body: Uint8Array[], headers: Record<string, string> = {}) => {
    const pieces = new ReadableStream<Uint8Array>({ start(controller) { for (const piece of body) controller.enqueue(piece); controller.close() } })
    const answer = await w.ask(ws.id, new Request(`http://link${new URL(place?.href ?? '').pathname.slice(49)}`, { method: 'PUT', body: pieces, headers, duplex: 'half' } as RequestInit))
    return { status: answer.status, text: await answer.text() }
  }
  const oidOf = (bytes: Uint8Array): string => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
  test('sends as many bytes as were said, whatever the machine says later', async () => {
    const ws = await working()
    const bytes = crypto.getRandomValues(new Uint8Array(200_000))
    const said = { oid: oidOf(bytes), size: 1000 }
    const { actions } = await batch(ws, 'upload', [said])
    const more = await put(ws, actions['upload'], [bytes.subarray(0, 800), bytes.subarray(800)])
    expect([more.status, more.text]).toEqual([413, expect.stringContaining('larger than the 1000 bytes that were said')])
    const fewer = await put(ws, actions['upload'], [bytes.subarray(0, 900)])
    expect([fewer.status, fewer.text]).toEqual([400, expect.stringContaining('ended before the 1000 bytes')])
    expect((await batch(ws, 'download', [said])).actions).toEqual({})
    // What the host is told of the length is not the machine's to say.
    const whole = await batch(ws, 'upload', [{ oid: said.oid, size: bytes.length }])
    expect(await put(ws, whole.actions['upload'], [bytes.subarray(0, 50_000), bytes.subarray(50_000)], { 'content-length': '10' })).toMatchObject({ status: 200 })
    expect(Object.keys((await batch(ws, 'download', [said])).actions)).toEqual(['download'])
  })
  test('fetches in a protected workspace and sends nothing, also by what it was given before it was', async () => {
    const ws = await working()
    const [there, kept] = [crypto.getRandomValues(new Uint8Array(500)), crypto.getRandomValues(new Uint8Array(500))]
    expect(await put(ws, (await batch(ws, 'upload', [{ oid: oidOf(there), size: 500 }])).actions['upload'], [there])).toMatchObject({ status: 200 })
    const before = await batch(ws, 'upload', [{ oid: oidOf(kept), size: 500 }])
    await ws.policy({ profile: 'protected', approval: 'none' })
    expect(await batch(ws, 'upload', [{ oid: oidOf(kept), size: 1 }])).toMatchObject({ status: 403, message: expect.stringContaining('a protected workspace sends no large files by git-lfs') })
    expect((await put(ws, before.actions['upload'], [kept])).status).toBe(403)
    expect((await w.audit()).filter(({ action, workspaceId, allowed }) => action === 'git.lfs' && workspaceId === ws.id && !allowed)).toHaveLength(2)
    expect((await batch(ws, 'download', [{ oid: oidOf(kept), size: 500 }])).actions).toEqual({})
    const { actions } = await batch(ws, 'download', [{ oid: oidOf(there), size: 500 }])
    const got = await w.ask(ws.id, new Request(`http://link${new URL(actions['download']?.href ?? '').pathname.slice(49)}`))
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(there)
  })
})
