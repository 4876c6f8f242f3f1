/**
 * Money, from the quote to what is left over when all else is gone: a server that buys at a Hetzner Cloud whose bill is
 * known, whose machines run nowhere.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { ProviderInfo } from '@berth/wire/api'
import type { Cost, CostLimit, ProviderReport } from '@berth/wire/cost'
import type { ReapedAlone } from '@berth/wire/reap'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually, startProduct, type Product } from '../product.ts'
import { buyAt, startHetznerAccount, TOKEN } from './hetzner-account.ts'

setDefaultTimeout(90_000)
/** cx33, its address, a disk of 10 GB. */
const DISK = Math.ceil(10 * 57_200 / 730)
const RUNNING = 8800 + 800 + DISK
const hetzner = startHetznerAccount()
const { world } = hetzner
let product: Product
const up = ['up', '--provider', 'hetzner', '--agent', 'plain', '--command', 'true', '--no-wait', '--no-open', '--yes']
const read = async (id: string) => (await product.json<Workspace[]>(['list'])).find((one) => one.id === id)

beforeAll(() => {
  product = startProduct()
  writeFileSync(join(product.home, 'config.yaml'), 'linkUrl: https://berth.example\n')
  buyAt(hetzner, product.home)
  // Others may read it, which is told below.
  chmodSync(join(product.home, 'providers/hetzner.token'), 0o644)
  mkdirSync(join(product.home, 'code'))
})
afterAll(async () => {
  await product.close()
  await hetzner.close()
})

test('a provider is looked at closely: what its token reaches, who else can read it, its prices, and whether it was ever run live', async () => {
  stranger('web-1', { team: 'data' })
  const report = await product.json<ProviderReport>(['provider', 'check', 'hetzner'])
  expect(report).toMatchObject({ name: 'hetzner', ok: true, live: 'unverified' })
  expect(report.findings.filter(({ level }) => level === 'warning').map(({ code }) => code)).toEqual(['token-file', 'advice', 'scope'])
  expect(report.findings.find(({ code }) => code === 'scope')?.message).toContain('web-1')
  expect(report.prices.find(({ cpus }) => cpus === 4)).toMatchObject({ currency: 'EUR', runningMicrosPerHour: RUNNING, stoppedMicrosPerHour: DISK })
  expect((await product.json<ProviderInfo[]>(['provider', 'list'])).find(({ name }) => name === 'hetzner')?.checked).toMatchObject({ ok: true, warnings: 3 })
  // Who may only read is told so.
  world.tokens.set(TOKEN, 'read')
  const { stdout } = await product.cli(['provider', 'check', 'hetzner'], { exit: 5 })
  expect(stdout).toContain('✗')
  expect(stdout).toContain('Read & Write')
  world.tokens.set(TOKEN, 'read-write')
  expect((await product.cli(['provider', 'default', 'nowhere'], { exit: null })).stderr).toContain('no provider')
  await product.cli(['provider', 'default', 'hetzner'])
  expect((await product.json<ProviderInfo[]>(['provider', 'list'])).find((one) => one.default)?.name).toBe('hetzner')
})

test('what cannot be made says why and leaves no bill, not even for the disk that was made first (US1.4)', async () => {
  const fault = { method: 'POST', path: /^\/servers$/, times: 99, what: { kind: 'refuse' as const, status: 403, code: 'resource_limit_exceeded' } }
  world.faults.push(fault)
  const { stdout } = await product.cli([...up, '--json', '--name', 'refused', 'code'])
  const { id } = JSON.parse(stdout) as Workspace
  const failed = await eventually(async () => { const now = await read(id); return now?.phase === 'failed' && now.cost === undefined ? now : null }, 'it failed, and nothing is paid for')
  expect(failed.error?.message).toContain('resource_limit_exceeded')
  expect(world.ledger.all().some(({ kind, name }) => kind === 'volume' && name.startsWith('berth-'))).toBe(true)
  expect(world.ledger.running().filter(({ name }) => name.startsWith('berth-'))).toEqual([])
  fault.times = 0
  await product.cli(['delete', 'refused', '-y'])
})

let made: Workspace
test('the price is said before anything is bought, and what is too dear is not', async () => {
  const { stderr } = await product.cli([...up, '--max-cost-per-hour', '0.005', 'code'], { exit: 1 })
  expect(stderr).toContain('hetzner takes €0.0104/h for it; you said at most €0.0050/h')
  // Whoever asks the server itself is refused as well.
  const refused = await product.fetch('/api/v1/workspaces', { method: 'POST', body: JSON.stringify({ source: { kind: 'empty' }, provider: 'hetzner', agent: 'plain', command: 'true', maxCostMicrosPerHour: 5000 }) })
  expect([refused.status, (await refused.json() as { code: string }).code]).toEqual([402, 'over_budget'])
  expect(world.ledger.running().filter(({ name }) => name.startsWith('berth-'))).toEqual([])
  const said = await product.cli([...up, '--name', 'paid', 'code'])
  // By the hour a month of it would be €7.58; the vendor takes no more than the month's prices.
  expect(said.stderr).toContain('hetzner: €0.0104/h while it runs (€6.56 a month), €0.57 a month while stopped')
  const [found] = await product.json<Workspace[]>(['list'])
  if (found === undefined) throw new Error('it was not made')
  made = found
})

test('what stands is in the list at its price, and in the ledger as at the vendor', async () => {
  const running = await eventually(async () => { const now = await read(made.id); return now?.cost?.state === 'running' && now.startedAt !== null ? now : null }, 'a machine that is paid for')
  expect(running.cost).toEqual({ state: 'running', currency: 'EUR', microsPerHour: RUNNING })
  expect((await product.cli(['list'])).stdout).toMatch(/COST[\s\S]*€0\.0104\/h/)
  const { costs: [cost] } = await product.json<{ costs: Cost[] }>(['cost', 'paid'])
  // Each begun hour counts whole, as in the vendor's bill.
  expect(cost).toMatchObject({ name: 'paid', provider: 'hetzner', currency: 'EUR', unpricedMs: 0 })
  const billed = world.ledger.all().filter(({ name }) => !name.startsWith('web-')).length
  expect(billed).toBeGreaterThanOrEqual(3)
  expect(cost?.micros).toBeGreaterThanOrEqual(RUNNING)
  const shown = await product.cli(['cost', '--by', 'provider'])
  expect(shown.stdout).toMatch(/hetzner .*€0\.01/)
})

test('stopped is not free here, and it is said', async () => {
  const { stderr } = await product.cli(['stop', 'paid', '--wait'])
  expect(stderr).toContain('It is still billed: €0.0008/h')
  expect((await read(made.id))?.cost).toEqual({ state: 'stopped', currency: 'EUR', microsPerHour: DISK })
  expect((await product.cli(['list'])).stdout).toContain('€0.0008/h still billed')
})

test('limits refuse what would pass them by name, and a hard one stops what runs with the reason', async () => {
  await product.cli(['cost', '--running', '0'])
  expect((await product.cli(['start', 'paid'], { exit: 1 })).stderr).toContain("the organisation's limit is 0 running workspaces")
  await product.cli(['cost', '--running', 'off', '--hourly', '0.01'])
  expect((await product.cli([...up, 'code'], { exit: 1 })).stderr).toContain("the organisation's limit is €0.01 an hour")
  const limits = await product.json<CostLimit[]>(['cost', '--hourly', 'off', '--warn', '0.001'])
  expect(limits).toMatchObject([{ scope: 'organisation', softMicros: 1000, hardMicros: null, hourlyMicros: null, running: null }])
  await product.fetch(`/api/v1/workspaces/${made.id}/start`, { method: 'POST', body: '{}' })
  await eventually(async () => (await read(made.id))?.cost?.state === 'running', 'it runs again')
  await product.cli(['cost', '--limit', '0.005'])
  const stopped = await eventually(async () => { const now = await read(made.id); return now?.phase === 'stopped' ? now : null }, 'it is stopped by the limit')
  expect(stopped.wish).toMatchObject({ target: 'stopped', by: 'budget' })
  expect(stopped.reason).toContain("the organisation's limit of this month is reached")
  expect([...world.servers.values()].map(({ name }) => name)).toEqual(['web-1'])
  expect((await product.cli(['start', 'paid'], { exit: 1 })).stderr).toContain("the organisation's limit of this month is reached")
  const { events } = await (await product.fetch(`/api/v1/workspaces/${made.id}/events?after=0`)).json() as { events: { body: { type: string; code?: string } }[] }
  expect(events.filter(({ body }) => body.type === 'workspace.notice' && body.code === 'soft_limit')).toHaveLength(1)
  await product.cli(['cost', '--limit', 'off', '--warn', 'off'])
})

test('with the server killed and its database gone, what it bought is found by its marks and removed, and nothing else', async () => {
  await product.fetch(`/api/v1/workspaces/${made.id}/start`, { method: 'POST', body: '{}' })
  await eventually(async () => [...world.servers.values()].some(({ name, status }) => name.startsWith('berth-') && status === 'running'), 'a server is bought')
  expect((await product.cli(['reap'], { exit: null })).stderr).toContain('answers for these machines')
  const owner = Object.values(world.servers.values().find(({ name }) => name.startsWith('berth-'))?.labels ?? {})
  // A look-alike: our name and our workspace, another installation.
  stranger(`berth-ffffffff-${made.id.replace('_', '-')}-g9`, { 'dev.berth.installation': 'f'.repeat(32), 'dev.berth.workspace': made.id, 'dev.berth.generation': '1' })
  expect(owner).toContain(made.id)
  const { pid } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  const placed = await realpath(join(product.home, 'postgres'))
  await eventually(async () => !isAlive(pid), 'the server is dead')
  rmSync(placed, { recursive: true, force: true })
  rmSync(join(product.home, 'postgres'), { recursive: true, force: true })

  const shown = await product.cli(['reap', '--provider', 'hetzner'], { exit: 5 })
  expect(shown.stdout).toMatch(/hetzner +machine +ws_\S+ g1 +running +\S.* +€0\.0104\/h/)
  expect(shown.stdout).not.toContain('web-1')
  expect(world.ledger.running().some(({ name }) => name.startsWith('berth-') && !name.includes('ffffffff'))).toBe(true)
  const reaped = await product.json<ReapedAlone>(['reap', '--provider', 'hetzner', '--yes'])
  expect(reaped).toMatchObject({ removed: [expect.stringContaining(made.id)], failed: [] })
  expect(world.ledger.running().filter(({ kind }) => kind !== 'ipv4').map(({ name }) => name).toSorted()).toEqual([`berth-ffffffff-${made.id.replace('_', '-')}-g9`, 'web-1'])
  expect((await product.cli(['reap', '--provider', 'hetzner'])).stdout).toContain('Nothing is left at hetzner.')
  expect([...hetzner.faulty, ...hetzner.refused]).toEqual([])
})

function stranger(name: string, labels: Record<string, string>): void {
  const [type, image] = [world.typeOf('cx23'), world.imageOf('debian-12', 'x86')]
  if (type === undefined || image === undefined) throw new Error('the catalogue is empty')
  world.createServer({ name, type, image, location: 'fsn1', labels, userData: '', volumes: [], firewalls: [], start: true, ipv4: true, ipv6: false })
  world.settle()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
