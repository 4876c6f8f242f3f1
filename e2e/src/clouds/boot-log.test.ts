/** How a cloud's machine comes up is told while it does, and what is known of one that never did stays, without secrets and without a bill. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { docker, machineImage } from '@berth/sim-machine'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { startFlyGround } from './fly-ground.ts'
import { startHetznerGround, type HetznerGround } from './hetzner-ground.ts'

let ground: HetznerGround
let product: Product
let repository: Awaited<ReturnType<typeof dirtyRepository>>
beforeAll(async () => {
  ground = startHetznerGround()
  repository = await dirtyRepository()
  product = startProduct()
  setUpProviders(product.home, { url: 'http://127.0.0.1:1' })
  ground.setUp(product.home)
})
afterAll(async () => {
  await product?.close()
  repository?.remove()
  await ground?.close()
}, 120_000)

const up = (name: string, exit: number | null = 0) => product.cli(['up', '.', '--provider', 'hetzner', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y', '--name', name], { cwd: repository.dir, exit })
const bootLog = async (name: string): Promise<string> => (await product.cli(['logs', name, '--boot'])).stdout
const stateOf = async (name: string) => (await product.json<Workspace[]>(['list'])).find((one) => one.name === name)

test('a boot is told on the timeline while it goes on, and can be read whole', async () => {
  await up('boots')
  const text = await bootLog('boots')
  expect(text).toContain('buying a cx33 in fsn1')
  expect(text).toMatch(/Cloud-init v\. [\d.]+.* running/)
  expect(text).toContain('#cloud-config')
  expect(text).toContain('exec /opt/berth/')
  const { id } = await stateOf('boots') ?? { id: '' }
  const { events } = (await (await product.fetch(`/api/v1/workspaces/${id}/events?after=0&limit=1000`)).json()) as { events: StoredEvent[] }
  const said = events.flatMap(({ body }) => (body.type === 'workspace.step' && body.step === 'dial' && body.detail !== null ? [body.detail] : []))
  expect(said.length).toBeGreaterThan(0)
  await product.cli(['delete', id, '-y'])
  expect((await bootLog(id).catch(() => ''))).toBe('')
}, 240_000)

test('one that the vendor refuses leaves what it said, and no bill', async () => {
  const { world } = ground.hetzner
  world.faults.push({ method: 'POST', path: /^\/servers$/, times: 100, what: { kind: 'refuse', status: 403, code: 'resource_limit_exceeded' } })
  expect((await up('refused', null)).exitCode).not.toBe(0)
  world.faults.length = 0
  const text = await bootLog('refused')
  expect(text).toContain('resource_limit_exceeded')
  expect(text).toContain('given up: ')
  expect(text).toContain('"content":"#!/bin/sh')
  // The boot token is a secret until it is used.
  expect(text).not.toMatch(/Bearer ws_[a-z0-9]+\.\d+\.[A-Za-z0-9_-]{10,}/)
  expect(readFileSync(join(product.home, 'providers/hetzner.token'), 'utf8').split('\n').some((secret) => text.includes(secret.trim()))).toBe(false)
  await eventually(async () => world.ledger.running().length === 0, 'the end of what was bought')
}, 240_000)

test('a machine at Fly, which has no init of its own, tells its boot too, and how it failed', async () => {
  const there = startFlyGround('sim-fly-boot')
  const { fly, containers } = there
  const mine = startProduct()
  // Where there is no user of ours, and nothing that makes one.
  const bare = `berth-test/bare:${process.pid}`
  try {
    await docker(['create', '--name', `bare-${process.pid}`, '--entrypoint', 'rm', await machineImage(), '-f', '/usr/sbin/groupadd'])
    await docker(['start', '--attach', `bare-${process.pid}`])
    await docker(['commit', `bare-${process.pid}`, bare])
    setUpProviders(mine.home, { url: 'http://127.0.0.1:1' })
    there.setUp(mine.home, { image: await machineImage() })
    const begin = (name: string, more: readonly string[] = [], exit: number | null = 0) => mine.cli(['up', '.', '--provider', 'fly', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y', '--name', name, ...more], { cwd: repository.dir, exit })
    const read = async (name: string): Promise<string> => (await mine.cli(['logs', name, '--boot'])).stdout
    await begin('boots')
    expect(await read('boots')).toMatch(/making a machine with \d+ processors/)
    // What it was told, and what it said of it.
    await eventually(async () => /\nbringing the daemon\nthe daemon starts\n/.test(await read('boots')), 'what the machine said')
    expect(await read('boots')).toContain('/etc/berth/start:')
    expect(await read('boots')).not.toMatch(/Bearer ws_[a-z0-9]+\.\d+\.[A-Za-z0-9_-]{10,}/)
    // Its console has the same, for who looks there.
    expect(await containers.machines.logs([...fly.world.machines.keys()][0] ?? '')).toContain('bringing the daemon')
    await mine.cli(['delete', 'boots', '-y'])

    // Its first program ends at once, and its last words are told all the same.
    const failing = begin('bare', ['--image', bare], null)
    await eventually(async () => (await read('bare').catch(() => '')).includes('groupadd: not found'), 'why it ended')
    await mine.cli(['delete', 'bare', '-y'])
    await failing
    expect([fly.world.ledger.running(), [...fly.faulty, ...fly.refused, ...fly.world.failed]]).toEqual([[], []])
  } finally {
    await mine.close()
    await there.close()
    await docker(['rm', '--force', `bare-${process.pid}`], { mayFail: true })
    await docker(['image', 'rm', bare], { mayFail: true })
  }
}, 240_000)
