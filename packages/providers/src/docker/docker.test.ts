import { afterEach, describe, expect, it } from 'bun:test'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ProviderFault } from '@berth/core'
import { denials, layPrey } from '../testing/hostile.ts'
import { finish, openBench, refusalOf, WAIT, type Bench } from '../testing/stand-in.ts'
import { hostCLibrary } from './c-library.ts'
import { createEngine, faultOf } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { machineName } from './names.ts'
import { demultiplex } from './output.ts'
import { tar } from './tar.ts'

const signal = new AbortController().signal
const { ok, detail } = await createDockerProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)
if (!ok) console.log(`no engine: ${detail}`)
const skipped = !ok && process.env['CI'] === undefined
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** An engine that answers what a test says; the real one cannot be made to fail on demand. */
async function fakeEngine(answer: (method: string, path: string, request: Request) => Response | Promise<Response>) {
  const dir = await mkdtemp('/tmp/berth-engine-')
  const socket = join(dir, 'docker.sock')
  const calls: string[] = []
  const server = Bun.serve({
    unix: socket,
    fetch(request) {
      const path = new URL(request.url).pathname.replace(/^\/v1\.\d+/, '')
      calls.push(`${request.method} ${path}`)
      return path === '/version' ? Response.json({ ApiVersion: '1.41' }) : answer(request.method, path, request)
    },
  })
  cleanups.push(async () => { await server.stop(true); await rm(dir, { recursive: true, force: true }) })
  return { socket, server, calls }
}
const refuse = (status: number, message: string): Response => Response.json({ message }, { status })

describe('docker provider', () => {
  it.skipIf(skipped)('lets a hostile program inside read nothing of the home, the database, the engine, other workspaces or the server', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
    await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
    const owner = bench.owner()
    cleanups.push(() => provider.destroy(owner, { signal }))
    await provider.ensure(owner, bench.spec, { signal })
    const prey = await layPrey(bench, bench.home)
    cleanups.push(prey.close)
    const more = ['state', 'boot', 'link'].map((name) => `got=$(ls /var/lib/berth/${name === 'state' ? '' : name === 'boot' ? 'boot.json' : 'link'} 2>/dev/null); test -z "$got" && echo ${name}=denied || echo "${name}=GOT"`)
    const child = Bun.spawn(['docker', 'exec', '--interactive', '--user', 'dev', machineName(owner), 'bash', '-s'], { stdin: new Blob([`${prey.script}\n${more.join('\n')}\n`]), stdout: 'pipe' })
    const report = await new Response(child.stdout).text()
    expect(report.split('\n').length).toBeGreaterThan(18)
    expect(denials(report)).toEqual([])
  }, 120_000)

  it.skipIf(skipped)('brings the C library that the daemon needs to an image that has none', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const engine = createEngine(undefined)
    const image = `berth/test-nolibc:${bench.installation.slice(-8)}`
    const [repo = '', tag = ''] = image.split(':')
    await engine.call('/images/create', { method: 'POST', query: { fromSrc: '-', repo, tag }, body: tar([{ path: 'etc', kind: 'directory', mode: 0o755 }]), contentType: 'application/x-tar', what: 'importing' }, signal).then((answer) => answer.text())
    cleanups.push(() => engine.call(`/images/${image}`, { method: 'DELETE', what: 'removing' }, signal))
    await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
    const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {} })
    const machine = bench.owner()
    cleanups.push(() => provider.destroy(machine, { signal }))
    const lines: string[] = []
    await provider.ensure(machine, { ...bench.spec, image }, { signal, log: (line) => void lines.push(line) })
    expect(lines.join('\n')).toContain('no GNU C library')
    for (const { path } of (await hostCLibrary()) ?? []) {
      const found = await engine.call(`/containers/${machineName(machine)}/archive`, { method: 'HEAD', query: { path: `/${path}` }, what: 'looking' }, signal)
      expect([path, found.status]).toEqual([path, 200])
    }
  }, 120_000)

  it('has none to bring from a host that has another one itself', async () => {
    expect((await hostCLibrary())?.map(({ path }) => path).join()).toMatch(/libc\.so\.6,.*ld-linux-/)
    expect(await hostCLibrary('/dev/null')).toBeNull()
  })

  it.skipIf(skipped)('goes on with a container that has no network: of a call that failed, or that was pruned while it was stopped', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
    const real = createEngine(undefined)
    const options = { installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' } as const
    const provider = createDockerProvider(options)
    const machine = bench.owner()
    cleanups.push(() => provider.destroy(machine, { signal }))
    // The real engine, which cannot make networks just now.
    const { socket } = await fakeEngine(async (method, path, request) => {
      if (path === '/networks/create') return refuse(500, 'no address pool is free')
      const body = method === 'GET' || method === 'HEAD' ? {} : { body: new Uint8Array(await request.arrayBuffer()), contentType: request.headers.get('content-type') ?? '' }
      return real.call(path, { method: method as 'GET', query: Object.fromEntries(new URL(request.url).searchParams), ...body, accept: [404, 409], what: 'forwarding' }, signal)
    })
    expect(await refusalOf(createDockerProvider({ ...options, socket }).ensure(machine, bench.spec, { signal }))).toMatchObject({ name: 'ProviderFault', category: 'unknown' })
    expect((await provider.observe(machine, signal)).observed.state).toBe('stopped')
    await finish(() => provider.ensure(machine, bench.spec, { signal }))
    expect((await provider.observe(machine, signal)).observed.state).toBe('running')

    await provider.stop(machine, { signal })
    await real.call(`/networks/${machineName(machine)}`, { method: 'DELETE', what: 'pruning' }, signal).then((answer) => answer.text())
    await finish(() => provider.ensure(machine, bench.spec, { signal }))
    expect((await provider.observe(machine, signal)).observed.state).toBe('running')
  }, 120_000)

  it('says that the engine is away, and concludes nothing from it', async () => {
    const provider = createDockerProvider({ installation: 'i', home: '/nonexistent', log: () => {}, socket: '/nonexistent/docker.sock' })
    expect(await provider.check(signal)).toMatchObject({ ok: false, isolation: 'container' })
    expect(await provider.list('i', signal)).toEqual({ items: [], complete: false, missing: ['unix:///nonexistent/docker.sock'] })
    expect((await provider.leftovers('i', signal)).complete).toBe(false)
    expect(await refusalOf(provider.observe({ installation: 'i', workspaceId: 'ws_000000000000', generation: 1 }, signal))).toMatchObject({ name: 'ProviderFault', category: 'transient', committed: 'no' })
  })

  /** An engine with the image, a volume and a network for everyone, and nothing else. */
  async function emptyEngine(bench: Bench, special: (method: string, path: string) => Response | Promise<Response> | null) {
    const labels = { 'dev.berth.installation': bench.installation, 'dev.berth.workspace': owner.workspaceId, 'dev.berth.generation': '1' }
    const engine = await fakeEngine((method, path) => special(method, path)
      ?? (path === '/info' ? Response.json({ OSType: 'linux', OperatingSystem: 'Debian' })
        : path.startsWith('/containers/') && method === 'GET' ? refuse(404, 'no such container')
          : Response.json({ Labels: labels })))
    return { ...engine, provider: createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, socket: engine.socket, baseImage: 'host-usr' }) }
  }
  const owner = { installation: '', workspaceId: 'ws_000000000000', generation: 1 }

  it('says that a change may have happened when the engine goes in its middle', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const { provider, server } = await emptyEngine(bench, (_method, path) => {
      if (path !== '/containers/create') return null
      void server.stop(true)
      return new Promise<Response>(() => {})
    })
    expect(await refusalOf(provider.ensure({ ...owner, installation: bench.installation }, bench.spec, { signal }))).toMatchObject({ category: 'transient', committed: 'unknown' })
  })

  it('says that the disk is full, and makes no container then', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const { provider, calls } = await emptyEngine(bench, (_method, path) => path === '/volumes/create' ? refuse(500, 'write /var/lib/docker: no space left on device') : null)
    expect(await refusalOf(provider.ensure({ ...owner, installation: bench.installation }, bench.spec, { signal }))).toMatchObject({ category: 'no_space' })
    expect(calls).not.toContain('POST /containers/create')
  })

  it('refuses an image nobody has, with its name and a hint', async () => {
    const engine = await fakeEngine((_method, path) => path === '/info' ? Response.json({ OSType: 'linux', OperatingSystem: 'Debian' })
      : path === '/images/create' ? new Response(`${JSON.stringify({ status: 'Pulling' })}\n${JSON.stringify({ error: 'manifest unknown' })}\n`) : refuse(404, 'no such image'))
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, socket: engine.socket })
    const lines: string[] = []
    const fault: unknown = await provider.ensure(bench.owner(), { ...bench.spec, image: 'nobody/nothing' }, { signal, log: (line) => lines.push(line) }).catch((error: unknown) => error)
    expect(fault).toMatchObject({ name: 'ProviderFault', category: 'not_found' })
    expect((fault as ProviderFault).message).toContain('nobody/nothing')
    expect((fault as ProviderFault).hint).not.toBe('')
    expect(lines).toContain('pulling nobody/nothing')
    expect(await refusalOf(provider.ensure(bench.owner(), { ...bench.spec, image: '--privileged' }, { signal }))).toMatchObject({ category: 'invalid' })
  })

  it('refuses an engine that is too old', async () => {
    const dir = await mkdtemp('/tmp/berth-engine-')
    const server = Bun.serve({ unix: join(dir, 's'), fetch: () => Response.json({ ApiVersion: '1.40' }) })
    cleanups.push(async () => { await server.stop(true); await rm(dir, { recursive: true }) })
    expect(await refusalOf(createEngine(join(dir, 's')).call('/info', { what: 'asking' }, signal))).toMatchObject({ category: 'unsupported' })
  })

  it('tells the refusals of the engine apart', () => {
    const of = (status: number, said: string) => faultOf(status, said, 'doing').category
    expect(of(500, 'mkdir /var/lib/docker/x: no space left on device')).toBe('no_space')
    expect(of(409, 'Conflict. The container name is already in use')).toBe('conflict')
    expect(of(400, 'OCI runtime create failed: runc create failed: exec: "/x": no such file or directory')).toBe('unsupported')
    expect(of(500, 'standard_init_linux.go: exec format error')).toBe('unsupported')
    expect(of(500, 'something new')).toBe('unknown')
  })

  it('writes archives that tar reads, and reads frames of output', async () => {
    const list = Bun.spawnSync(['tar', '-tvf', '-'], { stdin: new Blob([tar([{ path: 'a', kind: 'directory', mode: 0o700, uid: 7 }, { path: 'a/b', kind: 'file', mode: 0o600, content: 'hello' }, { path: 'c', kind: 'symlink', mode: 0o777, linkTarget: 'a/b' }])]) as never }).stdout.toString()
    expect(list).toMatch(/drwx------ 7\/7 .* a\/\n-rw------- 0\/0 +5 .* a\/b\nlrwxrwxrwx .* c -> a\/b\n/)
    expect(() => tar([{ path: 'x'.repeat(101), kind: 'file', mode: 0 }])).toThrow(RangeError)
    expect(new TextDecoder().decode(demultiplex(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 2, 104, 105, 2, 0, 0, 0, 0, 0, 0, 1, 33])))).toBe('hi!')
  })
})
