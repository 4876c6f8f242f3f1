/**
 * Five hundred workspaces asked for at once on one server: each gets one machine, none two, and all of it goes again. The
 * vendor is the simulator with a bill, whose machines run nowhere.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { startHetzner } from '@berth/sim-hetzner'
import { eventually, startProduct, type Product } from '../product.ts'

const MANY = 500
const WITHIN_MS = 10 * 60_000
setDefaultTimeout(WITHIN_MS)
const TOKEN = 'T'.repeat(64)
const hetzner = startHetzner()
const { world } = hetzner
world.tokens.set(TOKEN, 'read-write')
let product: Product
const ours = () => world.ledger.all().filter(({ name }) => name.startsWith('berth-'))
const running = (kind: string) => world.ledger.running().filter((one) => one.kind === kind)

beforeAll(async () => {
  product = startProduct()
  mkdirSync(join(product.home, 'providers'), { recursive: true })
  writeFileSync(join(product.home, 'config.yaml'), 'linkUrl: https://berth.example\n')
  writeFileSync(join(product.home, 'providers/hetzner.yaml'), `endpoint: ${hetzner.url}\nvolumeGb: 10\n`)
  writeFileSync(join(product.home, 'providers/hetzner.token'), TOKEN, { mode: 0o600 })
  await product.cli(['list'])
})
afterAll(async () => {
  await product.close()
  await hetzner.close()
})

test(`${MANY} asked for at once get one machine each`, async () => {
  const since = performance.now()
  const made = await Promise.all(Array.from({ length: MANY }, async (_, at) => {
    const answer = await product.fetch('/api/v1/workspaces', { method: 'POST', body: JSON.stringify({ source: { kind: 'empty' }, name: `many-${at}`, provider: 'hetzner', agent: 'plain', command: 'true' }) })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Workspace
  }))
  const asked = performance.now() - since
  expect(new Set(made.map(({ id }) => id)).size).toBe(MANY)
  await eventually(async () => running('server').length >= MANY, 'a server for each', WITHIN_MS)
  console.log(`${MANY} taken in ${(asked / 1000).toFixed(1)} s, bought in ${((performance.now() - since) / 1000).toFixed(1)} s`)
  for (const kind of ['server', 'volume']) {
    const names = running(kind).map(({ name }) => name)
    expect(names.length).toBe(MANY)
    expect(made.filter(({ id }) => names.filter((name) => name.includes(id.replace('ws_', ''))).length !== 1)).toEqual([])
  }
})

test('none was bought twice on the way, and all are given back', async () => {
  for (const kind of ['server', 'volume']) expect(ours().filter((one) => one.kind === kind).length).toBe(MANY)
  const list = await product.json<Workspace[]>(['list'])
  const answers = await Promise.all(list.map(({ id }) => product.fetch(`/api/v1/workspaces/${id}`, { method: 'DELETE' })))
  expect([...new Set(answers.map(({ status }) => status))]).toEqual([200])
  await eventually(async () => world.ledger.running().filter(({ name }) => name.startsWith('berth-')).length === 0, 'nothing is paid for', WITHIN_MS)
  await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'nobody lists one', WITHIN_MS)
  expect([...hetzner.faulty, ...hetzner.refused]).toEqual([])
})
