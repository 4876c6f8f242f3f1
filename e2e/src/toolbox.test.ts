/**
 * The compiled daemon where it must run: any glibc root, a root without a shell or a C library, one with musl, arm64,
 * a processor without AVX2.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createToolbox, type Target } from '@berth/toolbox'
import { VERSION, type StoredEvent, type Workspace } from '@berth/wire'
import { ENROL_PATH } from '@berth/wire/daemon'
import { takeInventory } from './inventory.ts'
import { eventually, startProduct, TOOLBOX, type Product } from './product.ts'

const toolbox = createToolbox({ dir: TOOLBOX, log: () => {} })
async function daemonFor(target: Target): Promise<string> {
  const { hash } = await toolbox.ensureDaemon(target, AbortSignal.timeout(180_000))
  return join(TOOLBOX, hash, 'berth-daemon')
}
const scratch: string[] = []
function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-anywhere-'))
  scratch.push(dir)
  return dir
}
afterAll(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true })
})
function run(argv: readonly string[]): { exitCode: number; text: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { env: { PATH: process.env['PATH'] ?? '' } })
  return { exitCode, text: `${stdout.toString()}${stderr.toString()}`.trim() }
}

/** Only what the daemon itself loads: no shell, no tools, no /etc. */
function bareRoot(daemon: string): string {
  const root = directory()
  const loads = run(['ldd', daemon]).text
  for (const [path] of loads.matchAll(/\/\S+\.so\S*/g)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    cpSync(realpathSync(path), join(root, path))
  }
  for (const dir of ['proc', 'dev', 'tmp', 'opt/berth']) mkdirSync(join(root, dir), { recursive: true })
  return root
}

/** Starts `supervise` in that root and waits until it knocks at a server's door with its one-time token. */
async function enrolsFrom(daemon: string, root: readonly string[]): Promise<unknown> {
  const state = directory()
  const knocked = Promise.withResolvers<unknown>()
  const door = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    async fetch(request) {
      if (new URL(request.url).pathname === ENROL_PATH) knocked.resolve(await request.json())
      return new Response('later', { status: 503 })
    },
  })
  const at = (name: string) => `/tmp/state/${name}`
  writeFileSync(join(state, 'boot.json'), JSON.stringify({
    workspaceId: 'ws_000000000000', generation: 1, linkUrl: `http://127.0.0.1:${door.port}`, bootToken: 'once-only', stateDir: at('state'), runDir: at('run'), workDir: at('work'), homeDir: at('home'),
    agentUser: null, toolboxDir: '/opt/berth', isolation: 'sandbox',
  }))
  const argv = ['bwrap', '--unshare-pid', '--die-with-parent', ...root, '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--bind', state, '/tmp/state', '--ro-bind', dirname(daemon), '/opt/berth', '/opt/berth/berth-daemon', 'supervise', '--boot', at('boot.json')]
  const child = Bun.spawn(argv, { env: { PATH: '/usr/bin:/bin' }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const ended = new Response(child.stderr).text().then((text) => { throw new Error(`the daemon ended: ${text}`) })
  try {
    return await Promise.race([knocked.promise, ended])
  } finally {
    ended.catch(() => {})
    child.kill('SIGKILL')
    await child.exited
    await door.stop(true)
  }
}
const KNOCK = { workspaceId: 'ws_000000000000', generation: 1, bootToken: 'once-only' }

describe('the compiled daemon', () => {
  test('enrols from a root that is this host', async () => {
    const usr = ['--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64', '--symlink', 'usr/bin', '/bin']
    expect(await enrolsFrom(await daemonFor('linux-x64'), usr)).toEqual(KNOCK)
  }, 120_000)

  test('enrols from a root with a C library and nothing else, not even a shell', async () => {
    const daemon = await daemonFor('linux-x64')
    const root = bareRoot(daemon)
    expect(existsSync(join(root, 'bin/sh'))).toBe(false)
    expect(await enrolsFrom(daemon, ['--ro-bind', root, '/'])).toEqual(KNOCK)
  }, 120_000)

  test('for older processors runs without AVX2', async () => {
    expect(run(['qemu-x86_64-static', '-cpu', 'Nehalem', await daemonFor('linux-x64-baseline'), '--version'])).toEqual({ exitCode: 0, text: VERSION })
  }, 240_000)

  test('for arm64 runs', async () => {
    expect(run(['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', await daemonFor('linux-arm64'), '--version'])).toEqual({ exitCode: 0, text: VERSION })
  }, 240_000)

  // Debian has musl's loader but no C++ runtime for it, so that build is only seen to be loaded, and to miss just that.
  test('for musl is loaded by musl, and needs the C++ runtime of its distribution', async () => {
    const { exitCode, text } = run(['/lib/ld-musl-x86_64.so.1', await daemonFor('linux-x64-musl'), '--version'])
    const missing = [...text.matchAll(/^Error loading shared library (\S+):/gm)].map(([, name]) => name)
    expect([exitCode === 0 ? VERSION : 'not run', missing]).toEqual(missing.length === 0 ? [VERSION, []] : ['not run', ['libstdc++.so.6']])
  }, 240_000)
})

describe('a container image', () => {
  let product: Product
  let code: string
  const images: string[] = []
  const engine = (path: string, init: RequestInit = {}) => fetch(`http://docker/v1.41${path}`, { ...init, unix: '/var/run/docker.sock' })
  /** Imports a directory as an image. */
  async function imageOf(root: string, name: string): Promise<string> {
    const tar = Bun.spawn(['tar', '-C', root, '-c', '.'], { stdout: 'pipe' })
    const answer = await engine(`/images/create?fromSrc=-&repo=berth-e2e-${name}&tag=latest`, { method: 'POST', body: await new Response(tar.stdout).arrayBuffer() })
    expect([answer.status, await answer.text()]).toEqual([200, expect.not.stringContaining('error')])
    images.push(`berth-e2e-${name}:latest`)
    return `berth-e2e-${name}:latest`
  }
  const up = (image: string, command: string) => product.cli(['up', code, '--provider', 'docker', '--image', image, '--agent', 'plain', '--command', command, '--name', 'any', '--no-open', '-y', '--json', '--no-wait'])

  /** The CLI may stop waiting for a slow engine; the deletion goes on. */
  async function remove(): Promise<void> {
    await product.cli(['delete', 'any', '-y'], { exit: null })
    await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion', 90_000)
  }

  beforeAll(async () => {
    product = startProduct()
    code = directory()
    await product.cli(['list'])
  }, 60_000)
  afterAll(async () => {
    await product.close()
    for (const image of images) await engine(`/images/${image}?force=1`, { method: 'DELETE' })
  }, 60_000)

  /** Leaves nothing behind. What its program had said on the screen, where it lived to say it. */
  async function connects(image: string, command: string): Promise<string> {
    const before = await takeInventory(product.home)
    await up(image, command)
    const events = async () => (await product.cli(['events', 'any', '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as StoredEvent)
    await eventually(async () => (await events()).some(({ body }) => body.type === 'daemon.connected' && String(body['version']).startsWith(VERSION)), 'the daemon')
    const said = command === 'true' ? '' : await eventually(async () => (await product.cli(['logs', 'any', 'agent'], { exit: null })).stdout.trim() || null, 'the screen')
    await remove()
    expect(await takeInventory(product.home)).toEqual(before)
    return said
  }

  test('without a shell: its daemon connects', async () => {
    await connects(await imageOf(bareRoot(await daemonFor('linux-x64')), 'no-shell'), 'true')
  }, 120_000)

  test('without any C library: ours is brought, and its daemon connects', async () => {
    const bare = directory()
    writeFileSync(join(bare, 'hello'), 'no program at all')
    await connects(await imageOf(bare, 'bare'), 'true')
  }, 120_000)

  test('with musl: our daemon connects, and the image\'s own programs go on with musl', async () => {
    const musl = directory()
    for (const name of ['lib', 'bin']) mkdirSync(join(musl, name))
    writeFileSync(join(musl, 'lib/ld-musl-x86_64.so.1'), readFileSync('/lib/ld-musl-x86_64.so.1'), { mode: 0o755 })
    writeFileSync(join(musl, 'bin/busybox'), readFileSync('/bin/busybox'), { mode: 0o755 })
    for (const name of ['sh', 'cat', 'ls']) symlinkSync('busybox', join(musl, 'bin', name))
    const said = await connects(await imageOf(musl, 'musl'), '/lib/ld-musl-x86_64.so.1 2>&1; cat')
    expect(said).toContain('musl libc')
  }, 120_000)
})
