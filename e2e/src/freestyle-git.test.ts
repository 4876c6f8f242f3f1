/** A workspace whose code is at Freestyle: it clones and pushes through the server, which keeps the account's key and gives git a token for one operation. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startFreestyleGit, type FreestyleGitSim, type Repository } from '@berth/sim-freestyle/git'
import type { AuditRecord } from '@berth/wire/git-access'
import type { FoundRepository } from '@berth/wire/repositories'
import { eventually, processesOf, serverLog, startProduct, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

const KEY = 'fs_canary_9e27c410d8'
let host: FreestyleGitSim
let product: Product
let ledger: Repository
let other: Repository
const inside = (script: string, exit: number | null = 0) => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit })
const nothingLeft = () => eventually(async () => host.world.identities.size === 0, 'no identity is left at the vendor', 60_000)
const asked = (path: RegExp): string[] => host.world.asked.filter((line) => path.test(line))

beforeAll(async () => {
  host = startFreestyleGit()
  host.world.keys.add(KEY)
  ledger = host.world.create({ name: 'ledger', import: { type: 'files', files: { 'ledger.txt': 'one\n' }, commitMessage: 'first' } })
  other = host.world.create({ name: 'payroll', import: { type: 'files', files: { 'pay.txt': 'much\n' }, commitMessage: 'first' } })
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  await product.cli(['list'])
  const keep = (check: string) => product.fetch('/api/v1/git-hosts', { method: 'POST', body: JSON.stringify({ origin: host.url, kind: 'freestyle', token: KEY, check }) })
  expect((await keep(crypto.randomUUID())).status).toBe(401)
  expect((await keep(ledger.id)).status).toBe(200)
  await product.cli(['up', `${host.url}/${ledger.id}`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
}, 120_000)
afterAll(async () => {
  await product?.close()
  await host?.close()
}, 60_000)

test('it clones, fetches and pushes its branch; each identity may do that with that repository, and none is left', async () => {
  expect((await inside('cat ledger.txt')).stdout).toBe('one\n')
  expect(new Set(host.world.granted.map(({ repo, level }) => `${repo} ${level}`))).toEqual(new Set([`${ledger.id} read`]))
  await inside('git config user.name Ada && git config user.email ada@example.org && echo two >> ledger.txt && git commit -qam "Count in cents" && git push -q origin HEAD && git fetch -q')
  expect(Object.keys(host.world.refsOf(ledger))).toEqual(['refs/heads/berth/demo', 'refs/heads/main'])
  expect(host.world.granted.filter(({ level }) => level === 'write')).toEqual([{ repo: ledger.id, level: 'write' }])
  expect((await inside('git push origin HEAD:main', null)).exitCode).not.toBe(0)
  await nothingLeft()
  expect(asked(/^POST \/identity\/v1\/identities 200/)).toHaveLength(asked(/^DELETE \/identity\/v1\/identities\/\S+ 200/).length)
  expect([host.faulty, host.refused]).toEqual([[], []])
}, 120_000)

test('a protected one is looked at first, and then passed on', async () => {
  await product.cli(['git-access', 'demo', '--profile', 'protected', '--approval', 'none'])
  await inside('echo three >> ledger.txt && git commit -qam "And euros" && git push -q origin HEAD')
  expect((await inside('git rev-parse HEAD')).stdout.trim()).toBe(host.world.refsOf(ledger)['refs/heads/berth/demo'] ?? '')
  await product.cli(['git-access', 'demo', '--profile', 'standard'])
}, 60_000)

test('another repository of the account is refused until a person lets it, and then read alone', async () => {
  const url = `${host.url}/${other.id}`
  expect((await inside(`git ls-remote ${url}`, null)).exitCode).not.toBe(0)
  expect(host.world.granted.filter(({ repo }) => repo === other.id)).toEqual([])
  await product.cli(['git-access', 'demo', '--repo', url])
  expect((await inside(`git ls-remote ${url}`)).stdout).toContain('refs/heads/main')
  expect((await inside(`git push ${url} HEAD:refs/heads/berth/demo`, null)).exitCode).not.toBe(0)
  expect(host.world.granted.filter(({ repo }) => repo === other.id)).toEqual([{ repo: other.id, level: 'read' }])
  expect(Object.keys(host.world.refsOf(other))).toEqual(['refs/heads/main'])
}, 60_000)

test('a server that is killed leaves an identity there, and the next one deletes it', async () => {
  await inside('git fetch -q')
  expect(host.world.identities.size).toBeGreaterThan(0)
  const { pid } = (await Bun.file(`${product.home}/server.json`).json()) as { pid: number }
  expect(processesOf(product.home).map((each) => each.pid)).toContain(pid)
  process.kill(pid, 'SIGKILL')
  await product.cli(['list'])
  await nothingLeft()
}, 90_000)

test('the form of a new workspace finds its repositories by their names', async () => {
  const { repositories, trouble } = (await (await product.fetch('/api/v1/repositories/search?query=pay')).json()) as { repositories: FoundRepository[]; trouble: unknown[] }
  expect([repositories.map(({ url, label }) => [url, label]), trouble]).toEqual([[[`${host.url}/${other.id}`, 'payroll']], []])
}, 30_000)

test('the key went to the API alone, and neither it nor a token is inside, in a record or in the log', async () => {
  await inside('git fetch -q')
  expect(host.world.tokensMade.length).toBeGreaterThan(3)
  expect(await secretsFound((script) => inside(script, null), KEY, ...host.world.tokensMade)).toEqual([])
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit'])
  expect(records.filter(({ action, allowed }) => action === 'git.push' && allowed).length).toBeGreaterThan(0)
  const written = JSON.stringify(records) + serverLog(product.home)
  expect([KEY, ...host.world.tokensMade].filter((secret) => written.includes(secret))).toEqual([])
  expect(host.world.keyAtGit).toBe(0)
}, 60_000)
