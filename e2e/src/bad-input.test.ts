/**
 * Bad input, one test for each case: exit code, error code and hint as programs see them, and what exists is the same
 * before and after. Docker that goes away, old daemons, garbage and hostile text have files of their own.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { ErrorBody } from '@berth/wire/error'
import { takeInventory } from './inventory.ts'
import { COMMAND, eventually, startProduct, type Product } from './product.ts'

const PLAIN = ['--provider', 'local', '--agent', 'plain', '--command', 'cat', '--no-open', '-y'] as const
let product: Product
const scratch: string[] = []
function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bad-'))
  chmodSync(dir, 0o711)
  scratch.push(dir)
  return dir
}

afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** Runs the CLI with --json; what it says on stdout must be one error, and the same words must stand on stderr. */
async function refused(args: readonly string[], options: { exit: number; env?: Record<string, string>; of?: Product }): Promise<ErrorBody> {
  const { stdout, stderr, exitCode } = await (options.of ?? product).cli([...args, '--json'], { exit: null, ...(options.env === undefined ? {} : { env: options.env }) })
  const { error } = JSON.parse(stdout) as { error: ErrorBody }
  expect([exitCode, error]).toEqual([options.exit, { code: error.code, message: expect.any(String), hint: expect.stringMatching(/\S/), ...(error.details === undefined ? {} : { details: error.details }) }])
  expect(stderr).toContain('✗')
  return error
}

describe('with a server', () => {
  beforeAll(async () => {
    product = startProduct()
    await product.cli(['list'])
  }, 60_000)
  afterAll(async () => { await product.close() }, 60_000)

  test('unknown repository: one that the client itself looks for', async () => {
    const before = await takeInventory(product.home)
    expect(await refused(['up', 'file:///no/such/repo.git', ...PLAIN], { exit: 2 })).toMatchObject({ code: 'clone_refused', message: expect.stringContaining('/no/such/repo.git') })
    expect(await refused(['up', 'no-such-word', ...PLAIN], { exit: 3 })).toMatchObject({ code: 'not_found' })
    expect(await refused(['up', './no/such/dir', ...PLAIN], { exit: 3 })).toMatchObject({ code: 'not_found' })
    expect(await refused(['up', 'ext::sh -c whoami', ...PLAIN], { exit: 3 })).toMatchObject({ code: 'not_found' })
    expect(await takeInventory(product.home)).toEqual(before)
  }, 60_000)

  test("unknown repository: one that the machine looks for stays as `failed` with git's words until it is deleted (EC2)", async () => {
    const web = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('nothing here', { status: 404 }) })
    const other = startProduct()
    try {
      mkdirSync(join(other.home, 'providers'), { recursive: true })
      writeFileSync(join(other.home, 'providers/local.yaml'), `hostPorts: [${web.port}]\n`)
      await other.cli(['list'])
      const before = await takeInventory(other.home)
      const error = await refused(['up', `http://host.docker.internal:${web.port}/none.git`, '--name', 'none', ...PLAIN], { exit: 2, of: other })
      expect(error).toMatchObject({ code: 'clone_refused', message: expect.stringContaining('not found') })
      const [kept] = await other.json<Workspace[]>(['list'])
      expect(kept).toMatchObject({ name: 'none', phase: 'failed', error: { code: 'clone_refused', message: error.message } })
      expect((await other.cli(['logs', 'none', 'code'], { exit: null })).stdout + JSON.stringify(kept?.steps)).toContain('not found')
      await deleteAll(other)
      expect(await takeInventory(other.home)).toEqual(before)
    } finally {
      await other.close()
      await web.stop(true)
    }
  }, 120_000)

  test('no network: a port where nobody listens, and a name that nobody has', async () => {
    const before = await takeInventory(product.home)
    for (const url of ['http://127.0.0.1:1/x.git', 'https://no-such-host.invalid/x.git']) {
      expect([url, await refused(['up', url, '--name', 'far', ...PLAIN], { exit: 1 })]).toMatchObject([url, { code: 'network_unreachable', hint: expect.stringContaining('network') }])
      await deleteAll(product)
    }
    expect(await refused(['up', 'ssh://git@no-such-host.invalid/x.git', ...PLAIN], { exit: 1 })).toMatchObject({ code: 'network_unreachable' })
    expect(await takeInventory(product.home)).toEqual(before)
  }, 120_000)

  test('wrong words: unknown verb, option, provider, size, workspace', async () => {
    const before = await takeInventory(product.home)
    const empty = directory()
    for (const [args, exit, code] of [
      [['uup'], 2, 'bad_request'], [['up', '--nope'], 2, 'bad_request'], [['up', empty, '--provider', 'moon'], 2, 'provider_unknown'],
      [['up', empty, '--memory', 'lots'], 2, 'bad_request'], [['stop', 'nobody'], 3, 'not_found'], [['events', 'nobody'], 3, 'not_found'], [['deny', 'ap_000000000000'], 3, 'not_found'],
    ] as const) expect([args, (await refused(args, { exit })).code]).toEqual([args, code])
    expect(await takeInventory(product.home)).toEqual(before)
  }, 60_000)
})

describe('before a server runs', () => {
  const starts: Product[] = []
  function fresh(env: Record<string, string> = {}): Product {
    const started = startProduct(env)
    starts.push(started)
    return started
  }
  afterEach(async () => {
    for (const started of starts.splice(0)) await started.close()
  })

  test('port taken', async () => {
    const holder = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    try {
      const home = fresh()
      await home.cli(['list'])
      await home.cli(['server', 'stop'])
      writeFileSync(join(home.home, 'config.yaml'), `port: ${holder.port}\n`)
      const before = await takeInventory(home.home)
      expect(await refused(['list'], { exit: 1, of: home })).toMatchObject({ code: 'port_taken', message: expect.stringContaining(`:${holder.port} `) })
      const byHand = await home.cli(['serve', '--port', String(holder.port)], { exit: 1 })
      expect(byHand.stderr).toContain('[port_taken]')
      expect(byHand.stderr).toMatch(/^hint: \S/m)
      expect(await takeInventory(home.home)).toEqual(before)
    } finally {
      holder.stop(true)
    }
  }, 60_000)

  test('corrupt files of a home: config, provider, context, server.json, token', async () => {
    const home = fresh()
    await home.cli(['list'])
    await home.cli(['server', 'stop'])
    const before = await takeInventory(home.home)
    for (const [file, text, says] of [
      ['config.yaml', 'port: [\n', 'YAML'], ['config.yaml', 'prot: 1\n', 'prot'], ['config.yaml', 'port: high\n', 'port'], ['config.yaml', '\u0000\u0001\u0002', 'config.yaml'], ['config.yaml', '- a\n- b\n', 'config.yaml'],
      ['config.yaml', 'context: ../../etc\n', '../../etc'], ['config.yaml', 'context: gone\n', 'gone'],
      ['providers/local.yaml', 'hostPorts: many\n', 'hostPorts'], ['providers/docker.yaml', '{', 'docker.yaml'],
    ] as const) {
      writeFileSync(join(home.home, file), text)
      const error = await refused(['list'], { exit: 2, of: home })
      expect([file, text, error.code, error.message]).toEqual([file, text, 'config_invalid', expect.stringContaining(says)])
      rmSync(join(home.home, file))
    }
    expect(await takeInventory(home.home)).toEqual(before)
    // What only a crash can have written is no refusal: a server is found, or made anew.
    writeFileSync(join(home.home, 'server.json'), '{"pid":12,')
    expect((await home.cli(['list', '--json'])).stdout.trim()).toBe('[]')
    await home.cli(['server', 'stop'])
    writeFileSync(join(home.home, 'server.json'), JSON.stringify({ pid: 1, url: 'http://127.0.0.1:1', version: '9.9.9', installation: 'x' }))
    writeFileSync(join(home.home, 'cli-token'), '\u0000garbage\n')
    expect((await home.cli(['list', '--json'])).stdout.trim()).toBe('[]')
  }, 120_000)

  test.if(process.getuid?.() === 0)('no space: for the home', async () => {
    const mount = directory()
    const before = await takeInventory(mount)
    const { exitCode, error } = await inFullDisk(mount, '2m', { BERTH_HOME: mount }, [['list', '--json']])
    expect([exitCode, error]).toMatchObject([1, { code: 'no_space', message: expect.stringContaining('room'), hint: expect.stringContaining('BERTH_HOME') }])
    expect(await takeInventory(mount)).toEqual(before)
  }, 60_000)

  test.if(process.getuid?.() === 0)('no space: for the toolbox', async () => {
    const mount = directory()
    const home = fresh()
    await home.cli(['list'])
    await home.cli(['server', 'stop'])
    const before = await takeInventory(home.home, { beside: [mount] })
    const work = directory()
    const { exitCode, error } = await inFullDisk(mount, '20m', { BERTH_HOME: home.home, BERTH_TOOLBOX: mount }, [['up', work, ...PLAIN, '--name', 'full', '--json'], ['delete', 'full', '-y'], ['server', 'stop']])
    expect([exitCode, error]).toMatchObject([1, { code: 'no_space', hint: expect.stringMatching(/\S/) }])
    expect(await takeInventory(home.home, { beside: [mount] })).toEqual(before)
    expect(readdirSync(mount)).toEqual([])
  }, 120_000)
})

async function deleteAll(of: Product): Promise<void> {
  for (const { id } of await of.json<Workspace[]>(['list'])) await of.cli(['delete', id, '-y'])
  await eventually(async () => (await of.json<Workspace[]>(['list'])).length === 0, 'the deletion')
}

/** The CLI, and what it starts, where `mount` is a small disk of its own that nobody else sees; then the words of `after`. */
async function inFullDisk(mount: string, size: string, env: Record<string, string>, [args, ...after]: readonly [readonly string[], ...(readonly string[])[]]): Promise<{ exitCode: number; error: ErrorBody }> {
  expect(existsSync(mount)).toBe(true)
  const quote = (words: readonly string[]): string => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const script = [`mount -t tmpfs -o size=${size},mode=0711 tmpfs ${quote([mount])} || exit 99`, `${quote([...COMMAND, ...args])}`, 'code=$?', ...after.map((words) => `${quote([...COMMAND, ...words])} >/dev/null`), 'exit $code'].join('\n')
  const child = Bun.spawn(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script], { env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', NO_COLOR: '1', ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (!stdout.startsWith('{')) throw new Error(`exit ${exitCode}: ${stdout}\n${stderr}`)
  return { exitCode, error: (JSON.parse(stdout) as { error: ErrorBody }).error }
}
