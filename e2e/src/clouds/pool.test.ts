/**
 * Workspaces that are made ahead: real machines and real git on `local`, and at a simulated Hetzner what they cost, with a
 * vendor that fails and a server that is killed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import type { Pool } from '@berth/wire/pools'
import { SERVER_FILE } from '@berth/wire/server-file'
import { startGitServer, type GitServer } from '../git-server.ts'
import { eventually, startProduct, type Product } from '../product.ts'
import { setUpProviders } from '../providers.ts'
import { git } from '../repository.ts'
import { buyAt, startHetznerAccount } from './hetzner-account.ts'

const WITHIN_MS = 240_000

describe('on machines of this host', () => {
  let product: Product
  let server: GitServer
  let root: string
  const commit = async (text: string): Promise<void> => {
    writeFileSync(join(root, 'origin/count.txt'), text)
    await git(join(root, 'origin'), 'add', '.')
    await git(join(root, 'origin'), 'commit', '-q', '-m', text)
  }
  const pools = () => product.json<Pool[]>(['pool'])
  const up = async (name: string, ...words: string[]) => {
    const since = performance.now()
    const workspace = await product.json<Workspace>(['up', server.url('origin'), '--provider', 'local', '--agent', 'plain', '--command', 'echo "$GREETING" > greeting.txt; exec cat', '--env', 'GREETING=hello', '--no-open', '--name', name, ...words])
    return { workspace, ms: performance.now() - since, dir: join(product.home, 'workspaces', workspace.id, 'machine-g1/work') }
  }

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'berth-pool-'))
    mkdirSync(join(root, 'origin'))
    await git(join(root, 'origin'), 'init', '-q', '-b', 'main')
    await commit('one\n')
    server = startGitServer(root)
    product = startProduct()
    setUpProviders(product.home, { url: `http://x:${server.port}` })
    await product.cli(['server', 'start'])
  }, 60_000)
  afterAll(async () => {
    await product.close()
    await server.close()
    rmSync(root, { recursive: true, force: true })
  }, 60_000)

  test('one is kept ready, becomes the workspace that is asked for, and another takes its place', async () => {
    const ordinary = await up('ordinary')
    await product.cli(['pool', 'set', server.url('origin'), '--provider', 'local', '--budget', '0'])
    await eventually(async () => (await pools())[0]?.ready === 1, 'a member that is ready', WITHIN_MS)
    // Nobody has asked for it, so nobody sees it.
    expect((await product.json<Workspace[]>(['list'])).map(({ name }) => name)).toEqual(['ordinary'])
    await commit('two\n')
    const taken = await up('taken')
    console.log(`up from the pool ${taken.ms.toFixed(0)} ms, without it ${ordinary.ms.toFixed(0)} ms: ${(taken.ms / ordinary.ms).toFixed(2)}x`)
    expect(taken.workspace).toMatchObject({ name: 'taken', phase: 'running', agent: 'plain', provider: 'local' })
    const events = (await product.cli(['events', 'taken', '--json', '--after', '0', '--no-follow'])).stdout
    expect(events).toContain('"from_pool"')
    // What is new since it was cloned, on the branch of its name, with what this person gave along.
    expect(readFileSync(join(taken.dir, 'count.txt'), 'utf8')).toBe('two\n')
    expect((await git(taken.dir, '-c', 'safe.directory=*', 'branch', '--list')).trim().split(/\s*\n\s*/)).toEqual(['* berth/taken', 'main'])
    await eventually(async () => readFileSync(join(taken.dir, 'greeting.txt'), 'utf8') === 'hello\n', 'the agent of this person')
    await eventually(async () => (await pools())[0]?.ready === 1, 'another member', WITHIN_MS)
    // Another size is another machine.
    expect((await product.cli(['events', (await up('larger', '--cpus', '1')).workspace.id, '--json', '--after', '0', '--no-follow'])).stdout).not.toContain('"from_pool"')
    expect((await pools())[0]?.ready).toBe(1)
  }, WITHIN_MS * 2)

  test('with the setting go its members, and not what was taken', async () => {
    await product.cli(['pool', 'remove', server.url('origin')])
    expect(await pools()).toEqual([])
    const mine = (await product.json<Workspace[]>(['list'])).map(({ id }) => id)
    await eventually(async () => {
      const dirs = [...new Bun.Glob('workspaces/ws_*/machine-*').scanSync({ cwd: product.home, onlyFiles: false })]
      return dirs.length === mine.length && mine.every((id) => dirs.some((dir) => dir.includes(id)))
    }, 'the end of its members', WITHIN_MS)
    expect((await product.json<Workspace[]>(['list'])).find(({ name }) => name === 'taken')?.phase).toBe('running')
  }, WITHIN_MS)
})

describe('at a vendor', () => {
  const URL = 'https://git.northquay.example/ledger/api.git'
  const hetzner = startHetznerAccount()
  const { world } = hetzner
  let product: Product
  const bought = (kind: string) => world.ledger.running().filter((one) => one.kind === kind && one.name.startsWith('berth-')).length
  const set = (count: number, budget: string) => product.json<Pool>(['pool', 'set', URL, '--provider', 'hetzner', '--count', String(count), '--budget', budget])

  beforeAll(async () => {
    product = startProduct()
    writeFileSync(join(product.home, 'config.yaml'), 'linkUrl: https://berth.example\n')
    buyAt(hetzner, product.home)
    await product.cli(['server', 'start'])
  }, 60_000)
  afterAll(async () => {
    await product.close()
    await hetzner.close()
  }, 60_000)

  test('so many are bought as the budget has room for, and all are given back when it has none', async () => {
    const { runningMicrosPerHour } = (await (await product.fetch('/api/v1/quotes', { method: 'POST', body: JSON.stringify({ provider: 'hetzner' }) })).json()) as { runningMicrosPerHour: number }
    // Two of three hours.
    await set(3, (2.5 * runningMicrosPerHour / 1e6).toFixed(4))
    await eventually(async () => bought('server') === 2, 'two servers', WITHIN_MS)
    await eventually(async () => (await product.json<Pool[]>(['pool']))[0]?.problem?.includes('budget'), 'why there is no third', WITHIN_MS)
    const [pool] = await product.json<Pool[]>(['pool'])
    expect(pool).toMatchObject({ count: 3, ready: 0, preparing: 2 })
    expect(pool?.monthMicros).toBeGreaterThan(0)
    expect(pool?.monthMicros).toBeLessThanOrEqual(pool?.budgetMicros ?? 0)
    expect(bought('server')).toBe(2)
    await set(3, '0')
    await eventually(async () => world.ledger.running().filter(({ name }) => name.startsWith('berth-')).length === 0, 'an empty bill', WITHIN_MS)
  }, WITHIN_MS * 2)

  test('a vendor that fails and a server that is killed leave nothing behind', async () => {
    const fault = { kind: 'after', status: 502 } as const
    // Of each call, of which a step has six: with many more a member fails for good, and its pool rests for ten minutes.
    world.faults.push({ path: /./, get times() { return Math.random() < 0.04 ? 1 : 0 }, set times(_) {}, what: fault })
    await product.cli(['pool', 'set', URL, '--provider', 'hetzner', '--count', '4', '--budget', '100'])
    for (const servers of [1, 3]) {
      await eventually(async () => bought('server') >= servers, `${servers} servers`, WITHIN_MS)
      const { pid } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { pid: number }
      process.kill(pid, 'SIGKILL')
      await product.cli(['list'])
    }
    await eventually(async () => bought('server') === 4, 'four servers', WITHIN_MS)
    world.faults.length = 0
    await product.cli(['pool', 'remove', URL])
    await eventually(async () => world.ledger.running().filter(({ name }) => name.startsWith('berth-')).length === 0, 'an empty bill', WITHIN_MS)
    expect([...hetzner.faulty, ...hetzner.refused]).toEqual([])
  }, WITHIN_MS * 2)
})
