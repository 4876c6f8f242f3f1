/**
 * The engine goes away in mid-create: after so many bytes of its answers the socket in front of it dies, mid-answer,
 * and comes back later. Wherever the cut falls, the workspace settles and nothing is made twice or left behind.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { ErrorBody } from '@berth/wire/error'
import { takeInventory } from './inventory.ts'
import { eventually, startProduct, type Product } from './product.ts'

const ENGINE = '/var/run/docker.sock'

interface Cut { /** After so many bytes of answers. */ readonly bytes?: number; /** When this is asked, before the engine hears it. */ readonly request?: string }

/** Passes everything on until the cut; then it is as if the engine had been killed. */
function startGate(path: string) {
  const open = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  let request: string | null = null
  let passed = 0
  let server: Server | null = null
  const die = (): void => {
    server?.close()
    server = null
    rmSync(path, { force: true })
    for (const socket of open) socket.destroy()
  }
  const bridge = (client: Socket): void => {
    const engine = connect(ENGINE)
    for (const socket of [client, engine]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => { open.delete(socket); client.destroy(); engine.destroy() })
    }
    client.on('data', (data: Buffer) => {
      if (request !== null && data.includes(request)) die()
      else engine.write(data)
    })
    engine.on('data', (data: Buffer) => {
      passed += data.length
      left -= data.length
      if (left > 0) return void client.write(data)
      // The last answer is cut in the middle.
      client.write(data.subarray(0, Math.max(0, data.length + left)), () => { die() })
    })
  }
  return {
    get alive() { return server !== null },
    get passed() { return passed },
    async up(cut: Cut = {}) {
      left = cut.bytes ?? Number.POSITIVE_INFINITY
      request = cut.request ?? null
      passed = 0
      if (server !== null) return
      rmSync(path, { force: true })
      const next = createServer(bridge)
      server = next
      await new Promise<void>((resolve) => { next.listen(path, resolve) })
    },
    die,
  }
}

describe('docker gone in mid-create', () => {
  let product: Product
  let gate: ReturnType<typeof startGate>
  let whole = 0
  const up = (name: string) => product.cli(['up', join(product.home, 'code'), '--provider', 'docker', '--agent', 'plain', '--command', 'cat', '--name', name, '--no-open', '-y', '--json', '--no-wait'], { exit: null })
  const read = async (name: string) => (await product.json<Workspace[]>(['list'])).find((one) => one.name === name)
  const remove = async (name: string) => {
    // The CLI may stop waiting for a slow engine; the deletion goes on.
    await product.cli(['delete', name, '-y'], { exit: null })
    await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion', 90_000)
  }

  beforeAll(async () => {
    product = startProduct()
    gate = startGate(join(product.home, 'engine.sock'))
    await gate.up()
    mkdirSync(join(product.home, 'providers'), { recursive: true })
    mkdirSync(join(product.home, 'code'))
    writeFileSync(join(product.home, 'providers/docker.yaml'), `baseImage: host-usr\nsocket: ${join(product.home, 'engine.sock')}\n`)
    // The first one makes the image; the second shows how much an engine says while a machine is made.
    for (const name of ['first', 'second']) {
      await gate.up()
      await up(name)
      await eventually(async () => (await read(name))?.phase === 'running', 'the workspace', 120_000)
      whole = gate.passed
      await remove(name)
    }
  }, 240_000)
  afterAll(async () => {
    await gate.up()
    await product.close()
    gate.die()
  }, 60_000)

  for (const share of [0.15, 0.4, 0.7]) {
    test(`cut after ${share * 100} % of the engine's words, back a moment later: the machine is made once`, async () => {
      const before = await takeInventory(product.home)
      const name = `cut-${share * 100}`
      await gate.up({ bytes: Math.round(whole * share) })
      await up(name)
      await eventually(async () => !gate.alive, 'the cut')
      await gate.up()
      await eventually(async () => (await read(name))?.phase === 'running', 'the workspace to run', 90_000)
      const during = await takeInventory(product.home)
      expect(during.docker.filter((line) => line.startsWith('container'))).toHaveLength(1)
      expect(during.docker.filter((line) => line.startsWith('network'))).toHaveLength(1)
      await remove(name)
      expect(await takeInventory(product.home)).toEqual(before)
    }, 150_000)
  }

  test('cut, and it stays away: the workspace fails and says so, a delete waits for the engine and then leaves nothing (EC1)', async () => {
    const before = await takeInventory(product.home)
    // No container runs yet: one that does goes on without its engine.
    await gate.up({ request: '/containers/create' })
    await up('away')
    await eventually(async () => !gate.alive, 'the cut')
    const failed = await eventually(async () => { const now = await read('away'); return now?.phase === 'failed' ? now : null }, 'the failure', 120_000)
    expect(failed.error).toMatchObject({ code: 'provider_unavailable', message: expect.stringContaining('docker engine'), hint: expect.stringMatching(/\S/) })
    const again = await product.cli(['up', join(product.home, 'code'), '--provider', 'docker', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--json'], { exit: 5 })
    expect((JSON.parse(again.stdout) as { error: ErrorBody }).error).toMatchObject({ code: 'provider_unavailable', hint: expect.stringContaining('docker info') })
    await product.cli(['delete', 'away', '-y'], { exit: null, withinMs: 3000 })
    expect((await read('away'))?.phase).toBe('deleting')
    await gate.up()
    // The second one may have been made before the engine's absence was noticed; then it failed by the same words.
    for (const { name } of await product.json<Workspace[]>(['list'])) await product.cli(['delete', name, '-y'], { exit: null })
    await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion', 60_000)
    expect(await takeInventory(product.home)).toEqual(before)
  }, 240_000)
})
