/**
 * Idleness with the real server and a real daemon: it stops by itself, on time and with the work saved, says why, and
 * is woken only where nobody had stopped it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from './product.ts'
import { dirtyRepository, git } from './repository.ts'

const AUTO_STOP_MS = 10_000
/** What the server asks of a daemon with so short an idle time. */
const REPORT_MS = 5_000

let product: Product
let repository: Awaited<ReturnType<typeof dirtyRepository>>
let workspace: Workspace
beforeAll(async () => {
  repository = await dirtyRepository()
  product = startProduct()
}, 60_000)
afterAll(async () => {
  await product?.close()
  repository?.remove()
}, 60_000)

const look = async (): Promise<Workspace> => (await (await product.fetch(`/api/v1/workspaces/${workspace.id}`)).json()) as Workspace
const until = (phase: Workspace['phase'], withinMs: number) => eventually(async () => {
  const seen = await look()
  return seen.phase === phase ? seen : null
}, `the phase ${phase}`, withinMs)

test('a short idle time is honoured, with the work saved and the reason said (US5.1)', async () => {
  workspace = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'sh -c "echo made > made.txt; exec cat"', '--auto-stop', '10s', '--no-open', '-y', '--name', 'idler'], { cwd: repository.dir })
  expect((await look()).idle.autoStopMs).toBe(AUTO_STOP_MS)
  const asleep = await until('sleeping', 60_000)
  expect(asleep).toMatchObject({ reason: 'idle for 10 seconds', wish: { target: 'stopped', by: 'idle' } })
  // Idle counts from the last work; two reports must agree, and a tick may come just before one.
  expect(asleep.wish.at - asleep.lastActiveAt).toBeGreaterThanOrEqual(AUTO_STOP_MS)
  expect(asleep.wish.at - Math.max(asleep.lastActiveAt, asleep.startedAt ?? 0)).toBeLessThan(AUTO_STOP_MS + 4 * REPORT_MS)
  await product.cli(['pull', workspace.id], { cwd: repository.dir })
  expect(await git(repository.dir, 'show', 'berth/idler:made.txt')).toBe('made\n')
}, 120_000)

test('a message wakes what idleness stopped', async () => {
  await product.cli(['send', workspace.id, 'good morning'])
  await until('running', 60_000)
  const events = async () => (await product.cli(['events', workspace.id, '--json', '--after', '0', '--no-follow'])).stdout
  await eventually(async () => (await events()).split('\n').some((line) => line.includes('good morning') && line.includes('"accepted"')), 'the message at the command')
}, 90_000)

test('a message does not wake what a person stopped, and is kept', async () => {
  await product.cli(['stop', workspace.id])
  await until('stopped', 60_000)
  const sent = await product.json<{ status: string; detail: string }>(['send', workspace.id, 'are you there'])
  expect(sent).toMatchObject({ status: 'queued', detail: expect.stringContaining('berth start idler') })
  expect((await look()).wish).toMatchObject({ target: 'stopped', by: 'user' })
  await product.cli(['start', workspace.id])
  await until('running', 60_000)
}, 120_000)

test('what is ephemeral is deleted by idleness, and the record says why', async () => {
  const short = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--auto-stop', '10s', '--ephemeral', '--no-open', '-y', '--name', 'short-lived'], { cwd: repository.dir })
  await eventually(async () => !(await product.json<Workspace[]>(['list'])).some(({ id }) => id === short.id), 'it is gone', 90_000)
  const { stdout } = await product.cli(['audit', '--json'])
  expect(stdout.split('\n').find((line) => line.includes(short.id) && line.includes('workspace.delete'))).toContain('because nothing happened in it')
}, 150_000)
