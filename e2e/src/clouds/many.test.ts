/**
 * Five hundred workspaces asked for at once on one server: each gets one machine, none two, and all of it goes again. The
 * vendor is the simulator with a bill, whose machines run nowhere.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { buyAt, startHetznerAccount } from './hetzner-account.ts'

const MANY = 500
const WITHIN_MS = 10 * 60_000
setDefaultTimeout(WITHIN_MS)
const hetzner = startHetznerAccount()
const { world } = hetzner
let product: Product
const ours = () => world.ledger.all().filter(({ name }) => name.startsWith('berth-'))
const running = (kind: string) => world.ledger.running().filter((one) => one.kind === kind)

beforeAll(async () => {
  product = startProduct()
  writeFileSync(join(product.home, 'config.yaml'), 'linkUrl: https://berth.example\n')
  buyAt(hetzner, product.home)
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
