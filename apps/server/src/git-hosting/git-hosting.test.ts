import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOSTED_REFS, randomIds } from '@berth/wire'
import { listen } from '../http/listen.ts'
import type { Listener } from '../http/listen.ts'
import { asBerthError, refusal } from '../http/respond.ts'
import { createRepositories } from './repositories.ts'
import type { Repositories } from './repositories.ts'
import { parsePushHead, refuseCommand } from './policy.ts'
import type { GitCaller } from './policy.ts'
import { wantsOf } from './fetched.ts'
import { createQuota } from './quota.ts'
import { serveGit } from './smart-http.ts'
import { createUploads } from './uploads.ts'

const id = randomIds.workspace()
let home: string
let work: string
let repositories: Repositories
const listeners: Listener[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-git-'))
  work = join(home, 'work')
  repositories = createRepositories({ dir: join(home, 'repos') })
  await git(home, 'init', '-q', '-b', 'main', work)
  await Bun.write(join(work, 'a.txt'), 'one\n')
  // Larger than what git sends in one piece, so that the push comes gzipped and chunked.
  await Bun.write(join(work, 'big.bin'), crypto.getRandomValues(new Uint8Array(64 * 1024)).toBase64().repeat(64))
  await git(work, 'add', '.')
  await git(work, 'commit', '-qm', 'first')
})
afterAll(async () => {
  for (const listener of listeners) await listener.stop()
  await rm(home, { recursive: true, force: true })
})

async function git(cwd: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'http.postBuffer=65536', '-c', 'advice.defaultBranchName=false']
  const child = Bun.spawn(['git', ...identity, ...args], { cwd, stdout: 'pipe', stderr: 'pipe', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' } })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}

/** All of it, and at its end `then`. */
function endingWith(body: Uint8Array, then: () => void): ReadableStream<Uint8Array> {
  const parts = [body]
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift()
      if (part !== undefined) return controller.enqueue(part)
      then()
      controller.close()
    },
  })
}

function remote(caller: GitCaller): string {
  const listener = listen({
    fetch: async (request) => {
      try {
        return await serveGit({ dir: await repositories.ensure(id), caller, path: new URL(request.url).pathname, request, log: () => {} })
      } catch (thrown) {
        return refusal(asBerthError(thrown, () => {}))
      }
    },
  })
  listeners.push(listener)
  return listener.url
}

describe('a hosted repository', () => {
  it('takes the source from a person and gives it to the workspace', async () => {
    const pushed = await git(work, 'push', remote({ kind: 'person' }), `HEAD:${HOSTED_REFS.head}`, `HEAD:${HOSTED_REFS.wip}`)
    expect(pushed).toMatchObject({ code: 0 })
    const copy = join(home, 'copy')
    expect(await git(home, 'clone', '-q', remote({ kind: 'workspace', name: 'demo' }), copy)).toMatchObject({ code: 0 })
    expect(await Bun.file(join(copy, 'a.txt')).text()).toBe('one\n')
    expect((await git(copy, 'fetch', 'origin', HOSTED_REFS.wip)).code).toBe(0)
  })

  it('takes the branch and the save of the workspace, forced too', async () => {
    const url = remote({ kind: 'workspace', name: 'demo' })
    for (const ref of [HOSTED_REFS.out('demo'), `${HOSTED_REFS.out('demo')}-fix`, HOSTED_REFS.save]) {
      expect(await git(work, 'push', '--force', url, `HEAD:${ref}`)).toMatchObject({ code: 0 })
    }
    expect(await repositories.resolve(id, HOSTED_REFS.save)).toMatch(/^[0-9a-f]{40}$/)
  })

  it('refuses other refs with a message that git prints, and all of a mixed push', async () => {
    const url = remote({ kind: 'workspace', name: 'demo' })
    const mixed = await git(work, 'push', url, `HEAD:${HOSTED_REFS.out('demo')}-mixed`, 'HEAD:refs/heads/main')
    expect(mixed.code).not.toBe(0)
    expect(mixed.text).toContain('remote: berth: push refused by the rules of this workspace')
    expect(mixed.text).toContain('[remote rejected]')
    expect(mixed.text).toContain('only refs/heads/berth/demo')
    expect(await repositories.resolve(id, `${HOSTED_REFS.out('demo')}-mixed`)).toBeNull()
    await git(work, 'commit', '-q', '--allow-empty', '-m', 'ahead')
    for (const refspec of [`HEAD:${HOSTED_REFS.head}`, 'HEAD:refs/tags/v1', `:${HOSTED_REFS.save}`, 'HEAD:refs/heads/berth/demofoo', 'HEAD:refs/heads/berth/demo/x']) {
      expect((await git(work, 'push', '--force', url, refspec)).code).not.toBe(0)
    }
    expect((await git(work, 'push', remote({ kind: 'person' }), `HEAD:${HOSTED_REFS.out('demo')}-x`)).code).not.toBe(0)
    expect(await repositories.resolve(id, HOSTED_REFS.save)).not.toBeNull()
  })

  it('shows what changed, and goes away', async () => {
    await Bun.write(join(work, 'a.txt'), 'two\n')
    await git(work, 'commit', '-qam', 'second')
    await git(work, 'push', '-f', remote({ kind: 'workspace', name: 'demo' }), `HEAD:${HOSTED_REFS.save}`)
    const diff = await repositories.diff(id, { from: HOSTED_REFS.head, to: HOSTED_REFS.save }, 1024 * 1024)
    expect(diff.stat).toEqual([{ path: 'a.txt', added: 1, removed: 1 }])
    expect(diff.patch).toContain('+two')
    await repositories.remove(id)
    expect(await repositories.exists(id)).toBe(false)
  })
})

describe('quota', () => {
  const owner = randomIds.user()
  const task = randomIds.repository()
  const store = { listWorkspaces: async () => [], getWorkspace: async () => null, hostedRepositories: { list: async () => [{ id: task, ownerId: owner }], get: async () => ({ id: task, ownerId: owner }) } }
  async function limited(name: string, limits: { repository: number; person: number }) {
    const small = createRepositories({ dir: join(home, name), quotaBytes: limits.repository })
    // Of a row this part needs no more.
    const quota = createQuota({ store: store as never, repositories: small, personBytes: limits.person })
    const listener = listen({ fetch: async (request) => serveGit({ dir: await small.ensure(task), caller: { kind: 'task' }, path: new URL(request.url).pathname, request, log: () => {}, room: () => quota.roomIn(task) }) })
    listeners.push(listener)
    return { small, url: listener.url, left: async () => Array.fromAsync(new Bun.Glob('**/tmp_*').scan({ cwd: await small.ensure(task), onlyFiles: false })) }
  }

  it('ends a push that would not fit while it comes, in words that git prints, and keeps nothing of it', async () => {
    const { small, url, left } = await limited('small', { repository: 1_000_000, person: 1e9 })
    const refused = await git(work, 'push', url, 'HEAD:refs/heads/main')
    expect(refused.code).not.toBe(0)
    expect(refused.text).toMatch(/\[remote rejected\].*the repository is full: \d+ of 1000000 bytes are used, and this does not fit/)
    expect(await small.sizeBytes(task)).toBeLessThan(1000)
    expect(await left()).toEqual([])
    // What is small still comes.
    await git(work, 'branch', '-q', 'empty', (await git(work, 'commit-tree', '-m', 'nothing', '4b825dc642cb6eb9a060e54bf8d69288fbee4904')).text.trim())
    expect(await git(work, 'push', url, 'empty:refs/heads/main')).toMatchObject({ code: 0 })
  })

  it('counts all of a person together', async () => {
    const { url } = await limited('shared', { repository: 1e9, person: 2000 })
    expect((await git(work, 'push', url, 'HEAD:refs/heads/main')).text).toMatch(/all repositories of its owner together are full: \d+ of 2000 bytes are used/)
  })

  const packOf = () => Bun.spawnSync(['git', 'pack-objects', '--stdout', '--revs', '-q'], { cwd: work, stdin: Buffer.from('HEAD\n') }).stdout
  /** A push that has sent all but the end of its pack, and goes on when it is told to. */
  async function halfway(url: string, ref: string) {
    const pack = packOf()
    const head = (await git(work, 'rev-parse', 'HEAD')).text.trim()
    const line = `${'0'.repeat(40)} ${head} ${ref}\0report-status`
    const [going, all] = [Promise.withResolvers<void>(), Buffer.concat([Buffer.from(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`), pack])]
    const stop = new AbortController()
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new Uint8Array(all.subarray(0, -100)))
        await going.promise
        controller.enqueue(new Uint8Array(all.subarray(-100)))
        controller.close()
      },
    })
    const answered = fetch(`${url}/git-receive-pack`, { method: 'POST', headers: { 'content-type': 'application/x-git-receive-pack-request' }, body, signal: stop.signal }).then((response) => response.text())
    return { answered, goOn: going.resolve, leave: () => { stop.abort(); going.resolve(); return answered.catch(() => null) } }
  }
  /** Until what a push has sent is under way here. */
  async function arrived(room: () => Promise<{ leftBytes(): number; over(kept: boolean): void }>, left: (bytes: number) => boolean): Promise<void> {
    for (;;) {
      const one = await room()
      const bytes = one.leftBytes()
      one.over(false)
      if (left(bytes)) return
      await Bun.sleep(5)
    }
  }

  it('ends by itself what came whole, also when whoever pushed went away before the answer', async () => {
    const small = createRepositories({ dir: join(home, 'left alone') })
    const dir = await small.ensure(task)
    const head = (await git(work, 'rev-parse', 'HEAD')).text.trim()
    const line = `${'0'.repeat(40)} ${head} refs/heads/main\0report-status`
    const body = Buffer.concat([Buffer.from(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`), packOf()])
    for (const leave of ['with the last byte', 'the request', 'the answer'] as const) {
      const [stop, pushed] = [new AbortController(), Promise.withResolvers<void>()]
      const sent = leave === 'with the last byte' ? endingWith(body, () => stop.abort()) : body
      const request = new Request('http://here/git-receive-pack', { method: 'POST', headers: { 'content-type': 'application/x-git-receive-pack-request' }, body: sent, signal: stop.signal })
      const served = serveGit({ dir, caller: { kind: 'task' }, path: '/git-receive-pack', request, log: () => {}, pushed: async () => pushed.resolve() })
      if (leave === 'with the last byte') await expect(served).rejects.toThrow('whoever pushed went away')
      else if (leave === 'the answer') await (await served).body?.cancel()
      else void served.then(() => stop.abort())
      await pushed.promise
      expect((await git(dir, 'rev-parse', 'refs/heads/main')).text.trim()).toBe(head)
      expect(await Array.fromAsync(new Bun.Glob('**/tmp_*').scan({ cwd: dir, onlyFiles: false }))).toEqual([])
      await git(dir, 'update-ref', '-d', 'refs/heads/main')
      await git(dir, 'prune', '--expire=now')
    }
  }, 30_000)

  it.each(['one repository', 'all of a person'])('gives the room of %s to pushes at once as to one after another', async (name) => {
    // Of one such push and a half.
    const bytes = packOf().length
    const limit = Math.round(bytes * 1.5)
    const small = createRepositories({ dir: join(home, `at-once ${name}`), quotaBytes: name === 'one repository' ? limit : 1e9 })
    const other = name === 'one repository' ? task : randomIds.repository()
    const rows = { list: async () => [task, other].filter((one, at, all) => all.indexOf(one) === at).map((one) => ({ id: one, ownerId: owner })), get: async (one: string) => ({ id: one, ownerId: owner }) }
    const quota = createQuota({ store: { ...store, hostedRepositories: rows } as never, repositories: small, personBytes: name === 'one repository' ? 1e9 : limit })
    const serve = (one: typeof task) => {
      const listener = listen({ fetch: async (request) => serveGit({ dir: await small.ensure(one), caller: { kind: 'task' }, path: new URL(request.url).pathname, request, log: () => {}, room: () => quota.roomIn(one) }) })
      listeners.push(listener)
      return listener.url
    }
    const [url, another] = [serve(task), serve(other)]
    const first = await halfway(url, 'refs/heads/first')
    await arrived(() => quota.roomIn(other), (left) => left < limit - bytes * 0.9)
    const refused = await git(work, 'push', another, 'HEAD:refs/heads/second')
    expect(refused.text).toContain(name === 'one repository' ? 'the repository is full' : 'all repositories of its owner together are full')
    // Given back by who goes away, and by who was refused: the next one fits.
    await first.leave()
    await arrived(() => quota.roomIn(other), (left) => left > limit * 0.9)
    const second = await halfway(another, 'refs/heads/second')
    second.goOn()
    expect(await second.answered).toContain('ok refs/heads/second')
    await arrived(() => quota.roomIn(other), (left) => left < limit - bytes * 0.9 && left > 0)
  }, 60_000)

  it('looks at a repository again when something was written into it, and not before', async () => {
    const { small, url } = await limited('kept', { repository: 1e9, person: 1e9 })
    const commit = (await git(work, 'commit-tree', '-m', 'alone', '4b825dc642cb6eb9a060e54bf8d69288fbee4904')).text.trim()
    await small.ensure(task)
    expect(await small.sizeBytes(task)).toBe(0)
    expect(await git(work, 'push', url, `${commit}:refs/heads/main`)).toMatchObject({ code: 0 })
    const one = (await small.sizeBytes(task)) ?? 0
    expect(one).toBeGreaterThan(0)
    // Nobody said so.
    await Bun.write(join(await small.ensure(task), 'objects', 'aside'), 'x'.repeat(1000))
    expect(await small.sizeBytes(task)).toBe(one)
    // A push that git ends without taking it has said so as well.
    await git(work, 'push', url, `${commit}:refs/heads/other`)
    expect(await small.sizeBytes(task)).toBeGreaterThanOrEqual(one + 1000)
    await small.remove(task)
    expect(await small.sizeBytes(task)).toBeNull()
    await small.ensure(task)
    expect(await small.sizeBytes(task)).toBe(0)
  })
})

it('a fetch tells what it brings, unless it does not bring all of it', () => {
  const id = 'a'.repeat(40)
  const bytes = (text: string) => new TextEncoder().encode(text)
  expect(wantsOf(bytes(`0011command=fetch0001000fno-progress0032want ${id}\n0032want ${'b'.repeat(40)}\n0009done\n0000`))).toEqual([id, 'b'.repeat(40)])
  expect(wantsOf(bytes(`0098want ${id} multi_ack_detailed side-band-64k\n00000009done\n`))).toEqual([id])
  expect(wantsOf(bytes(`0011command=fetch00010032want ${id}\n000cdeepen 10000`))).toEqual([])
  expect(wantsOf(bytes(`0011command=fetch00010032want ${id}\n0014filter blob:none0000`))).toEqual([])
})

describe('the command list of a push', () => {
  it('asks for more until the list is complete, and refuses what is no packet', () => {
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text
    const whole = new TextEncoder().encode(`${line(`${'0'.repeat(40)} ${'a'.repeat(40)} refs/heads/berth/demo\0report-status side-band-64k`)}0000PACK`)
    for (let cut = 0; cut < whole.length - 4; cut++) expect(parsePushHead(whole.subarray(0, cut))).toBeNull()
    expect(parsePushHead(whole)).toMatchObject({ commands: [{ ref: 'refs/heads/berth/demo' }], capabilities: ['report-status', 'side-band-64k'], end: whole.length - 4 })
    expect(() => parsePushHead(new TextEncoder().encode('hello, world'))).toThrow(RangeError)
  })
  it('never lets a name escape its namespace', () => {
    for (const ref of ['refs/heads/berth/demo-../../x', 'refs/heads/berth/demo-a b', 'HEAD', 'refs/heads/berth/demo-\n']) {
      expect(refuseCommand({ kind: 'workspace', name: 'demo' }, { oldId: '0'.repeat(40), newId: 'a'.repeat(40), ref })).not.toBeNull()
    }
  })
})

describe('uploaded archives', () => {
  it('keeps whole ones only, within the limit', async () => {
    const uploads = createUploads({ dir: join(home, 'uploads'), limitBytes: 10 })
    const chunked = (parts: string[]) => new Request('http://x/', { method: 'PUT', body: new ReadableStream({ start: (c) => (parts.forEach((part) => c.enqueue(new TextEncoder().encode(part))), c.close()) }) })
    expect(await uploads.write(id, chunked(['ab', 'cd', 'ef']))).toBe(6)
    expect(await (await uploads.read(id)).text()).toBe('abcdef')
    expect(await uploads.write(id, chunked(['0123456789', 'x'])).catch((error: unknown) => error)).toMatchObject({ code: 'too_large' })
    expect(await (await uploads.read(id)).text()).toBe('abcdef')
    await uploads.remove(id)
    expect(await uploads.read(id).catch((error: unknown) => error)).toMatchObject({ code: 'not_found' })
  })
})
