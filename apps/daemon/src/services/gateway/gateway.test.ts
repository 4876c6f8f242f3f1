/** Git in the machine against the server's real repository, over the real link between the two. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOSTED_REFS } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import { createLinkHttp } from '../../../../server/src/link/link-http.ts'
import { createRepositories } from '../../../../server/src/git-hosting/repositories.ts'
import { createUploads } from '../../../../server/src/git-hosting/uploads.ts'
import { harness } from '../../../../server/src/link/test/harness.ts'
import type { Harness, TestDaemon } from '../../../../server/src/link/test/harness.ts'
import { fetchOverLink, openGateway } from './gateway.ts'
import type { Gateway } from './gateway.ts'
import { gitConfigPath, writeGitConfig } from './git-config.ts'

const signal = new AbortController().signal
const cleanups: (() => Promise<unknown> | void)[] = []
let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-gateway-'))
  cleanups.push(() => { rmSync(root, { recursive: true, force: true }) })
})
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })

async function open(over?: (request: Request) => Promise<Response>): Promise<{ gateway: Gateway; daemon: TestDaemon; server: Harness; repository: string }> {
  const repositories = createRepositories({ dir: join(root, 'repos') })
  // The handler reads nothing else of the record.
  const store = { getWorkspace: async () => ({ workspace: { name: 'demo', wish: { target: 'running' } } }) as never }
  const linkHttp = createLinkHttp({ clock: { now: () => Date.now() } as never, store, repositories, uploads: createUploads({ dir: join(root, 'uploads') }), log: () => {}, gitGateway: () => Promise.reject(new Error('no git host here')), toolboxFiles: { program: async () => new Response() }, modelGateway: () => Promise.reject(new Error('no model here')), inject: () => Promise.reject(new Error('nothing is put in here')) })
  const server = await harness({ over: 'unix', deps: { linkHttp: (id, request) => over?.(request) ?? linkHttp(id, request) } })
  cleanups.push(() => server.stop())
  const daemon = await server.daemon()
  // Its hello is answered a moment after the server knows it.
  while (!daemon.link.connected) await Bun.sleep(1)
  const gateway = openGateway({ kept: { get: () => null, set() {} }, openStream: daemon.link.openStream })
  cleanups.push(() => gateway.close())
  return { gateway, daemon, server, repository: await repositories.ensure(daemon.boot.workspaceId) }
}
async function git(cwd: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'a@example.org' }
  const child = Bun.spawn(['git', '-c', 'init.defaultBranch=main', '-c', 'http.postBuffer=65536', ...args], { cwd, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}
async function must(cwd: string, ...args: string[]): Promise<string> {
  const { code, text } = await git(cwd, ...args)
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${text}`)
  return text.trim()
}
/** A person's commit with a file larger than any buffer on the way. */
async function personPushes(repository: string): Promise<{ work: string; big: string }> {
  const work = join(root, 'person')
  const big = crypto.getRandomValues(new Uint8Array(64 * 1024)).toBase64().repeat(64)
  await must(root, 'init', '-q', work)
  await Bun.write(join(work, 'big.txt'), big)
  await must(work, 'add', '.')
  await must(work, 'commit', '-qm', 'from the person')
  await must(work, 'push', '-q', repository, `HEAD:${HOSTED_REFS.head}`)
  return { work, big }
}

test('git fetches what a person uploaded and pushes the workspace\'s own branch and saves', async () => {
  const { gateway, repository } = await open()
  const { big } = await personPushes(repository)
  const clone = join(root, 'clone')
  await must(root, 'init', '-q', clone)
  expect(await must(clone, 'ls-remote', gateway.gitUrl)).toContain(HOSTED_REFS.head)
  await must(clone, 'fetch', '-q', gateway.gitUrl, `${HOSTED_REFS.head}:refs/heads/work`)
  await must(clone, 'checkout', '-q', 'work')
  expect(await Bun.file(join(clone, 'big.txt')).text()).toBe(big)
  await Bun.write(join(clone, 'answer.txt'), big.split('').toReversed().join(''))
  await must(clone, 'add', '.')
  await must(clone, 'commit', '-qm', 'from the agent')
  await must(clone, 'push', '-q', gateway.gitUrl, `HEAD:${HOSTED_REFS.out('demo')}`, `HEAD:${HOSTED_REFS.save}`)
  expect(await must(repository, 'log', '-1', '--format=%s', HOSTED_REFS.out('demo'))).toBe('from the agent')
  // Again, with nothing new and by force.
  await must(clone, 'commit', '-q', '--amend', '-m', 'again')
  await must(clone, 'push', '-q', '--force', gateway.gitUrl, `HEAD:${HOSTED_REFS.out('demo')}`)
  expect(await must(repository, 'log', '-1', '--format=%s', HOSTED_REFS.out('demo'))).toBe('again')
}, 60_000)

test('a push of what is not the workspace\'s is refused in git\'s own words, and changes nothing', async () => {
  const { gateway, repository } = await open()
  const { work } = await personPushes(repository)
  const refs = await must(repository, 'for-each-ref')
  const refused = [
    [`HEAD:${HOSTED_REFS.head}`, /\[remote rejected\].*the uploaded source is not writable from the workspace/],
    ['HEAD:refs/heads/main', /\[remote rejected\].*only .*demo.* are writable from this workspace/],
    [`HEAD:${HOSTED_REFS.out('other')}`, /\[remote rejected\].*only .*demo.* are writable/],
  ] as const
  await Bun.write(join(work, 'more.txt'), 'more')
  await must(work, 'add', '.')
  await must(work, 'commit', '-qm', 'more')
  for (const [refspec, says] of refused) {
    const { code, text } = await git(work, 'push', gateway.gitUrl, refspec)
    expect(code).not.toBe(0)
    expect(text).toMatch(says)
  }
  expect(await must(repository, 'for-each-ref')).toBe(refs)
}, 60_000)

test('nobody without the secret path, from a page, or beside /git gets anything', async () => {
  const { gateway } = await open()
  const { origin, pathname } = new URL(gateway.gitUrl)
  const service = '/info/refs?service=git-upload-pack'
  expect((await fetch(gateway.gitUrl + service)).status).toBe(200)
  const denied: [string, RequestInit][] = [
    [`${origin}${LINK_HTTP.git}${service}`, {}], [`${origin}/${'0'.repeat(48)}${LINK_HTTP.git}${service}`, {}],
    [gateway.gitUrl + service, { headers: { host: 'evil.example' } }], [gateway.gitUrl + service, { headers: { origin: 'http://127.0.0.1' } }],
    [`${origin}${pathname.replace(LINK_HTTP.git, LINK_HTTP.archive)}`, {}], [`${gateway.gitUrl}/..${LINK_HTTP.archive}`, {}],
  ]
  for (const [url, init] of denied) expect([url, (await fetch(url, init)).status]).toEqual([url, 404])
})

test('git comes by it as a proxy too, under the host\'s own name, and nobody without the secret', async () => {
  const seen: { path: string; proxy: string[] }[] = []
  const { gateway } = await open(async (request) => {
    const { pathname, search } = new URL(request.url)
    seen.push({ path: `${pathname}${search}`, proxy: [...request.headers.keys()].filter((name) => name.startsWith('proxy-')) })
    return new Response('not today\n', { status: 403, headers: { 'content-type': 'text/plain' } })
  })
  writeGitConfig({ runDir: root, origins: ['https://git.example', 'https://gitlab.example'], githubRepository: 'git.example/o/r', ...gateway })
  const config = ['-c', `include.path=${gitConfigPath(root)}`]
  const repository = join(root, 'of-git-example')
  await must(root, 'init', '-q', repository)
  for (const form of ['https://git.example/o/r.git', 'git@git.example:o/r.git', 'ssh://git@git.example/o/r.git']) {
    await must(repository, 'config', 'remote.origin.url', form)
    expect(await must(repository, ...config, 'remote', '-v')).toContain('http://git.example/o/r.git (push)')
    expect((await git(repository, ...config, 'fetch', 'origin')).text).toContain('not today')
  }
  expect(seen).toEqual(Array.from({ length: 3 }, () => ({ path: `${LINK_HTTP.upstream}/https/git.example/o/r.git/info/refs?service=git-upload-pack`, proxy: [] })))
  await git(root, ...config, 'ls-remote', 'https://gitlab.example/o/r.git')
  expect(seen.at(-1)?.path).toBe(`${LINK_HTTP.upstream}/https/gitlab.example/o/r.git/info/refs?service=git-upload-pack`)

  const proxy = new URL(gateway.proxyUrl)
  for (const given of [`https:${'0'.repeat(48)}`, 'https:', `ftp:${proxy.password}`, proxy.password, ':']) {
    const answer = await fetch(`${proxy.origin}/o/r.git/info/refs?service=git-upload-pack`, { headers: { host: 'git.example', 'proxy-authorization': `Basic ${btoa(given)}` } })
    expect([given, answer.status]).toEqual([given, 404])
  }
  const page = await fetch(`${proxy.origin}/o/r.git/info/refs`, { headers: { origin: 'https://git.example', 'proxy-authorization': `Basic ${btoa(`https:${proxy.password}`)}` } })
  expect(page.status).toBe(404)
  expect(seen).toHaveLength(4)
}, 60_000)

test('listens where it did before, for an agent that outlived the daemon, and elsewhere when that place is taken', async () => {
  const memory = new Map<string, string | null>()
  const kept = { get: (name: string) => memory.get(name) ?? null, set: (name: string, value: string | null) => void memory.set(name, value) }
  const openStream = () => Promise.reject(new Error('no link'))
  const first = openGateway({ kept, openStream })
  await first.close()
  const second = openGateway({ kept, openStream })
  cleanups.push(() => second.close())
  expect(second.modelUrl).toBe(first.modelUrl)
  const third = openGateway({ kept, openStream })
  cleanups.push(() => third.close())
  expect(new URL(third.modelUrl).port).not.toBe(new URL(first.modelUrl).port)
})

test('says that the server is away', async () => {
  const { gateway, server, daemon } = await open()
  await server.stopServer()
  while (daemon.link.connected) await Bun.sleep(5)
  const away = await fetch(`${gateway.gitUrl}/info/refs?service=git-upload-pack`)
  expect([away.status, await away.text()]).toEqual([502, expect.stringContaining('link to the server is down')])
  const { code, text } = await git(root, 'ls-remote', gateway.gitUrl)
  expect(code).not.toBe(0)
  expect(text).toContain('502')
}, 30_000)

test('takes no more requests at once than its limit', async () => {
  const go = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<void>()
  let running = 0
  const { gateway } = await open(async () => {
    if (++running === 64) seen.resolve()
    await go.promise
    return new Response('late')
  })
  const first = Array.from({ length: 64 }, (_, at) => fetch(`${gateway.gitUrl}/${at}`).then((answer) => answer.text()))
  // One that is answered already was refused, or never came: better said than waited for.
  await Promise.race([seen.promise, Promise.race(first).then((text) => { throw new Error(`answered too soon, with ${running} under way: ${text}`) })])
  expect((await fetch(`${gateway.gitUrl}/more`)).status).toBe(429)
  go.resolve()
  expect(new Set(await Promise.all(first))).toEqual(new Set(['late']))
  expect((await fetch(`${gateway.gitUrl}/after`)).status).toBe(200)
}, 30_000)

test('an upload that is not there is refused with the server\'s reason', async () => {
  const { daemon } = await open()
  expect(await fetchOverLink({ openStream: daemon.link.openStream }, LINK_HTTP.archive, signal).then(() => null, (refusal: unknown) => refusal)).toMatchObject({ code: 'clone_refused', message: expect.stringMatching(/\(404\): .+/) })
})

test('an answer comes as it is said: each piece before the next one, and every byte of pieces of any size', async () => {
  const saying = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>()
  const { gateway } = await open(async () => new Response(new ReadableStream<Uint8Array>({ start: (controller) => saying.resolve(controller) }), { status: 201, headers: { 'x-said': 'first' } }))
  const asking = fetch(`${gateway.modelUrl}/anthropic/v1/messages`, { method: 'POST', body: 'x' })
  const controller = await saying.promise
  controller.enqueue(new Uint8Array([1, 2]))
  const answer = await asking
  expect([answer.status, answer.headers.get('x-said')]).toEqual([201, 'first'])
  const reader = answer.body?.getReader()
  expect((await reader?.read())?.value).toEqual(new Uint8Array([1, 2]))
  const sizes = [1, 7, 70_000, 3_000_000, 1, 65_536, 8192]
  const pieces = sizes.map((size) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 255))
  const whole = Buffer.concat(pieces)
  for (const piece of pieces) controller.enqueue(piece)
  controller.close()
  const got: Uint8Array[] = []
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) got.push(next.value)
  expect(Buffer.concat(got).equals(whole)).toBe(true)
}, 30_000)

test('an answer that breaks off is not taken for whole', async () => {
  const { gateway } = await open(async () => {
    let said = 0
    return new Response(new ReadableStream<Uint8Array>({ pull(controller) { if (said++ === 0) controller.enqueue(new Uint8Array(50_000)); else controller.error(new Error('the host is gone')) } }))
  })
  const told = async (): Promise<string> => fetch(`${gateway.gitUrl}/x`).then((answer) => answer.arrayBuffer()).then(() => 'whole', () => 'broke off')
  expect(await told()).toBe('broke off')
}, 30_000)

test('a client that takes nothing holds back who answers it and nobody else, and who leaves ends the exchange', async () => {
  const LARGE = 200_000_000
  const left = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  let poured = 0
  const { gateway } = await open(async (request) => {
    const slow = request.url.endsWith('/slow')
    if (slow) request.signal.addEventListener('abort', () => left.resolve())
    let said = 0
    return new Response(new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(100_000))
        said += 100_000
        if (slow) {
          poured = said
          began.resolve()
        }
        if (said >= (slow ? LARGE : LARGE / 5)) controller.close()
      },
    }, { highWaterMark: 0 }))
  })
  const { hostname, port, pathname } = new URL(`${gateway.gitUrl}/slow`)
  const socket = await Bun.connect({
    hostname, port: Number(port),
    socket: {
      data() {},
      open(opened) {
        opened.pause()
        opened.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
      },
    },
  })
  await began.promise
  expect((await (await fetch(`${gateway.gitUrl}/other`)).arrayBuffer()).byteLength).toBe(LARGE / 5)
  // What the sockets and the window of a stream hold.
  expect(poured).toBeLessThan(LARGE / 5)
  socket.terminate()
  await left.promise
}, 30_000)
