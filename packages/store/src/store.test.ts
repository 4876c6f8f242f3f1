import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { nextGeneration } from '@berth/core'
import { randomIds, type WorkspaceId } from '@berth/wire'
import type { ActivityReport } from '@berth/wire/daemon'
import { aLinkedWorkspace, anAsk, aWorkspace, newWorkspace, toGeneration, refusal } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'
import { openStore } from './open-store.ts'
import { TEST_MASTER_KEY } from './testing.ts'

let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() })
afterAll(async () => db?.close())
const NOW = 1_000_000
const FAR = NOW * 1000

/** Claims this one and leaves the others for later. */
async function claim(id: WorkspaceId, now: number, leaseMs = 1000) {
  const claims = await db.store.claimDue({ owner: 'test', limit: 1000, leaseMs }, now)
  for (const other of claims) if (other.workspaceId !== id) await db.store.finishTick(other, { nextTickAt: FAR }, now)
  return claims.find((one) => one.workspaceId === id) ?? null
}
const workspaceOf = async (id: WorkspaceId) => (await db.store.getWorkspace(id))!.workspace

it('opens by a URL, also one that names a socket', async () => {
  const store = await openStore({ database: { kind: 'url', url: db.url }, masterKey: TEST_MASTER_KEY, connections: 1 })
  expect((await store.installation.installation()).id).toBe((await db.store.installation.installation()).id)
  await store.close()
})

describe('workspaces', () => {
  it('keeps what it was given, and announces it', async () => {
    const promptId = randomIds.prompt()
    const { id, row, record } = await aWorkspace(db.store, NOW, {
      source: { kind: 'git', url: 'https://example.com/a.git', branch: 'main' }, resources: { cpus: 1.5 }, services: [{ name: 'web', command: 'serve' }],
      exposures: [{ name: 'KEY', how: 'env', warning: 'seen by the agent' }], prompt: { promptId, text: 'do it' },
    })
    const { secrets: _, prompt: __, idempotencyKey: ___, ...fields } = row
    expect(record.workspace).toMatchObject({ ...fields, createdAt: NOW, wish: { target: 'running', by: 'user', version: 1, reason: null, at: NOW }, generation: 0, reported: { phase: 'queued' } })
    expect(record.machine).toBeNull()
    expect((await db.store.events.read(id, 0, 10)).map(({ seq, body }) => [seq, body.type])).toEqual([[1, 'workspace.phase'], [2, 'prompt']])
    expect(await db.store.getWorkspace(randomIds.workspace())).toBeNull()
  })

  it('seals its secrets, and forgets them when it is deleted', async () => {
    const secrets = { env: { API_KEY: 'very-secret-value' }, homeFiles: [{ path: '.netrc', contentBase64: 'aGk=' }] }
    const { id } = await aWorkspace(db.store, NOW, { secrets })
    expect(await db.store.secrets(id)).toEqual(secrets)
    const [row] = await db.sql<{ sealed: string }[]>`select sealed from workspace_secrets where workspace_id = ${id}`
    expect(row?.sealed).not.toContain('very-secret')
    const elsewhere = await openStore({ database: db.address, masterKey: new Uint8Array(32).fill(1), connections: 1 })
    expect(await refusal(elsewhere.secrets(id))).toMatchObject({ code: 'config_invalid' })
    await elsewhere.close()
    const mine = await claim(id, NOW)
    await db.store.finishTick(mine!, { workspace: { deletedAt: NOW }, nextTickAt: NOW }, NOW)
    expect(await db.store.secrets(id)).toEqual({ env: {}, homeFiles: [] })
  })

  it('makes one workspace of one request, however often it comes', async () => {
    const row = await newWorkspace(db.store, NOW, { idempotencyKey: 'same' })
    const rows = Array.from({ length: 4 }, () => ({ ...row, id: randomIds.workspace() }))
    const made = await Promise.all(rows.map((one) => db.store.createWorkspace(one, NOW)))
    expect(new Set(made.map(({ workspace }) => workspace.id)).size).toBe(1)
  })

  it('takes a name once, until its workspace is gone', async () => {
    const { id, row } = await aWorkspace(db.store, NOW, { name: 'taken' })
    const again = { ...row, id: randomIds.workspace() }
    expect(await refusal(db.store.createWorkspace(again, NOW))).toMatchObject({ code: 'name_taken' })
    const mine = await claim(id, NOW)
    await db.store.finishTick(mine!, { workspace: { deletedAt: NOW }, nextTickAt: NOW }, NOW)
    expect((await db.store.createWorkspace(again, NOW)).workspace.name).toBe('taken')
    expect((await db.store.listWorkspaces({ deleted: false })).map(({ workspace }) => workspace.id)).not.toContain(id)
    expect((await db.store.listWorkspaces({ deleted: true })).map(({ workspace }) => workspace.id)).toContain(id)
  })

  it('knows what workspaces that came up were made of, each once, deleted ones too', async () => {
    const own = await openTestDatabase()
    try {
      const made = async (at: number, url: string, ready: boolean) => {
        const { id, row } = await aWorkspace(own.store, at, { source: { kind: 'git', url } })
        if (ready) await own.sql`update workspaces set ready_at = ${at}, deleted_at = ${at} where id = ${id}`
        return row.orgId
      }
      const orgs = [await made(1, 'https://git.example/a', true), await made(2, 'https://git.example/b', true), await made(3, 'https://git.example/a', true), await made(4, 'https://git.example/never', false)]
      const [orgId] = orgs
      await own.sql`update workspaces set org_id = ${orgId!}`
      expect(await own.store.listSources(orgId!, 9)).toEqual([{ source: { kind: 'git', url: 'https://git.example/a' }, lastUsedAt: 3 }, { source: { kind: 'git', url: 'https://git.example/b' }, lastUsedAt: 2 }])
      expect((await own.store.listSources(orgId!, 1)).length).toBe(1)
      expect(await own.store.listSources(randomIds.org(), 9)).toEqual([])
    } finally { await own.close() }
  })

  it('lists the others when one row cannot be read, newest first', async () => {
    const own = await openTestDatabase({ log: (line) => lines.push(line) })
    const lines: string[] = []
    try {
      const ids = []
      for (const at of [1, 2, 3]) ids.push((await aWorkspace(own.store, at)).id)
      await own.sql`update workspaces set source = '{"kind": "nonsense"}' where id = ${ids[1]!}`
      expect((await own.store.listWorkspaces({ deleted: false })).map(({ workspace }) => workspace.id)).toEqual([ids[2]!, ids[0]!])
      expect(lines.join()).toContain(ids[1]!)
    } finally { await own.close() }
  })

  it('changes a wish by compare-and-set, and never takes back a deletion', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const stop = (over: object) => db.store.setWish(id, { target: 'stopped', by: 'idle', reason: 'idle', ...over }, NOW + 5)
    expect(await stop({ expectVersion: 9 })).toBeNull()
    expect(await stop({ unlessActiveSince: NOW - 1 })).toBeNull()
    expect(await stop({ expectVersion: 1, unlessActiveSince: NOW })).toEqual({ target: 'stopped', by: 'idle', version: 2, reason: 'idle', at: NOW + 5 })
    await db.store.setKeepAlive(id, NOW + 10, NOW)
    expect(await stop({ unlessActiveSince: NOW })).toBeNull()
    await db.store.setWish(id, { target: 'deleted', by: 'user', reason: null }, NOW)
    expect(await db.store.setWish(id, { target: 'running', by: 'user', reason: null }, NOW)).toBeNull()
    await db.store.failWorkspace(id, { code: 'internal', message: 'no', hint: null }, NOW)
    expect((await workspaceOf(id)).wish.target).toBe('deleted')
  })

  it('fails with a notice, and stops wishing to run', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    await db.store.failWorkspace(id, { code: 'capacity', message: 'full', hint: 'wait' }, NOW + 1)
    expect(await workspaceOf(id)).toMatchObject({ failure: { code: 'capacity', at: NOW + 1 }, wish: { target: 'stopped', by: 'failure', version: 2 } })
    expect((await db.store.events.read(id, 1, 10))[0]?.body).toMatchObject({ type: 'workspace.notice', code: 'capacity' })
  })
})

describe('ticks', () => {
  it('gives a workspace to one of many that claim at once', async () => {
    const ids = new Set<string>()
    for (let index = 0; index < 6; index++) ids.add((await aWorkspace(db.store, NOW)).id)
    const claims = (await Promise.all(Array.from({ length: 5 }, (_, index) => db.store.claimDue({ owner: `s${index}`, limit: 2, leaseMs: 1000 }, NOW)))).flat()
    const got = claims.map((one) => one.workspaceId)
    expect(new Set(got).size).toBe(got.length)
    for (const one of claims) await db.store.finishTick(one, { nextTickAt: FAR }, NOW)
  })

  it('refuses the writes of a server whose claim somebody took over', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const zombie = await claim(id, NOW, 10)
    expect(await claim(id, NOW + 9)).toBeNull()
    const next = await claim(id, NOW + 10)
    expect(next!.fence).toBe(zombie!.fence + 1)
    const tail = await db.store.events.tail(id)
    const change = { workspace: { statusMessage: 'zombie' }, machine: { attempts: 9 }, events: [{ type: 'workspace.notice', level: 'info', code: 'x', message: 'zombie', hint: null }] } as const
    expect(await db.store.saveTick(zombie!, change, NOW + 11)).toBe(false)
    expect(await db.store.finishTick(zombie!, { ...change, nextTickAt: FAR }, NOW + 11)).toBe(false)
    expect(await db.store.getWorkspace(id)).toMatchObject({ workspace: { statusMessage: null }, machine: null })
    expect(await db.store.events.tail(id)).toBe(tail)
    expect(await db.store.saveTick(next!, { workspace: { statusMessage: 'mine' } }, NOW + 12)).toBe(true)
    expect(await db.store.finishTick(next!, { nextTickAt: FAR }, NOW + 12)).toBe(true)
    expect(await db.store.finishTick(next!, { nextTickAt: FAR }, NOW + 12)).toBe(false)
  })

  it('gives back what one that is gone had claimed, and nothing of others', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const [gone] = await db.store.claimDue({ owner: 'host:/home/a:1', limit: 1, leaseMs: 1000 }, NOW)
    const { id: other } = await aWorkspace(db.store, NOW)
    const [alive] = await db.store.claimDue({ owner: 'host:/home/ab:1', limit: 1, leaseMs: 1000 }, NOW)
    expect([gone?.workspaceId, alive?.workspaceId]).toEqual([id, other])
    await db.store.releaseClaims('host:/home/a:', NOW + 1)
    expect(await db.store.saveTick(gone!, { workspace: { statusMessage: 'zombie' } }, NOW + 1)).toBe(false)
    const next = await db.store.claimDue({ owner: 'test', limit: 9, leaseMs: 1000 }, NOW + 1)
    expect(next.map(({ workspaceId, fence }) => [workspaceId, fence])).toEqual([[id, gone!.fence + 1]])
    for (const one of [...next, alive!]) expect(await db.store.finishTick(one, { nextTickAt: FAR }, NOW + 1)).toBe(true)
  })

  it('ends a claim of which nothing came, with the time to look again', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const mine = await claim(id, NOW)
    await db.store.giveBack([{ ...mine!, nextTickAt: NOW + 5 }])
    expect(await claim(id, NOW + 4)).toBeNull()
    const next = await claim(id, NOW + 5)
    await db.store.giveBack([{ ...mine!, nextTickAt: NOW + 6 }])
    expect(await db.store.saveTick(next!, { workspace: { statusMessage: 'mine' } }, NOW + 6)).toBe(true)
    await db.store.wake(id, NOW + 6)
    await db.store.giveBack([{ ...next!, nextTickAt: FAR }])
    const last = await claim(id, NOW + 6)
    expect(last?.fence).toBe(next!.fence + 1)
    await db.store.finishTick(last!, { nextTickAt: FAR }, NOW + 6)
  })

  it('writes the workspace, its machine and its events together', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const mine = await claim(id, NOW)
    const steps = (state: 'started' | 'done') => [{ step: 'machine', title: 'machine', state, startedAt: NOW, durationMs: null, detail: null }]
    expect(await db.store.saveTick(mine!, {
      workspace: { generation: 1, steps: steps('started'), reported: { phase: 'provisioning', step: 'machine', reason: null, statusMessage: null } },
      machine: { ensuringSince: NOW, ref: { container: 'abc' }, observed: { state: 'creating' } },
      events: [{ type: 'workspace.phase', phase: 'provisioning', step: 'machine', reason: null, statusMessage: null }],
    }, NOW)).toBe(true)
    const daemon = { ...steps('done')[0]!, step: 'code' }
    await db.sql`update workspaces set steps = steps || ${db.sql.json([daemon])} where id = ${id}`
    expect(await db.store.finishTick(mine!, { workspace: { steps: steps('done'), startedAt: NOW }, machine: { poll: null, observed: { state: 'running', startedAt: NOW } }, nextTickAt: NOW + 50 }, NOW)).toBe(true)
    expect(await db.store.getWorkspace(id)).toMatchObject({
      workspace: { generation: 1, steps: [{ step: 'machine', state: 'done' }, daemon], startedAt: NOW, reported: { phase: 'provisioning' } },
      machine: { generation: 1, provider: 'local', ref: { container: 'abc' }, observed: { state: 'running', startedAt: NOW }, ensuringSince: NOW, saveState: 'none' },
    })
    expect((await db.store.installation.machines()).filter((machine) => machine.workspaceId === id)).toHaveLength(1)
    await toGeneration(db.store, id, { generation: 2, now: NOW + 100 })
    expect((await db.store.getWorkspace(id))?.machine).toMatchObject({ generation: 2, ref: null, observed: { state: 'absent' } })
    expect((await db.store.installation.machines()).filter((machine) => machine.workspaceId === id)).toHaveLength(2)
  })

  it('refuses a tick\'s wish when somebody wished meanwhile, and looks again at once', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const mine = await claim(id, NOW)
    await db.store.setWish(id, { target: 'stopped', by: 'user', reason: null }, NOW)
    const wish = { expectVersion: 1, target: 'stopped', by: 'failure', reason: 'late' } as const
    expect(await db.store.finishTick(mine!, { wish, workspace: { statusMessage: 'late' }, nextTickAt: FAR }, NOW)).toBe(false)
    expect(await workspaceOf(id)).toMatchObject({ statusMessage: null, wish: { by: 'user', version: 2 } })
    const again = await claim(id, NOW)
    expect(await db.store.finishTick(again!, { wish: { ...wish, expectVersion: 2 }, nextTickAt: FAR }, NOW)).toBe(true)
    expect((await workspaceOf(id)).wish).toMatchObject({ by: 'failure', version: 3 })
  })

  it('does not lose a wake that comes in the middle of a tick', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const mine = await claim(id, NOW)
    await db.store.wake(id, NOW)
    expect(await claim(id, NOW)).toBeNull()
    await db.store.finishTick(mine!, { nextTickAt: FAR }, NOW + 1)
    const again = await claim(id, NOW + 1)
    expect(again).not.toBeNull()
    await db.store.finishTick(again!, { nextTickAt: FAR - 5 }, NOW + 1)
    expect(await claim(id, NOW + 2)).toBeNull()
    expect(await db.store.nextDue()).toBe(FAR - 5)
    await db.store.setSourceReady(id, NOW + 3)
    expect(await claim(id, NOW + 3)).not.toBeNull()
  })
})

it('knows the highest generation that a workspace had, also of a machine that ended', async () => {
  const { id } = await aWorkspace(db.store, NOW)
  await toGeneration(db.store, id, { generation: 1, now: NOW })
  await toGeneration(db.store, id, { generation: 2, now: NOW + 1 })
  await db.sql`update machines set ended_at = ${NOW + 2} where workspace_id = ${id} and generation = 2`
  // A move that was undone.
  await db.sql`update workspaces set generation = 1 where id = ${id}`
  const record = await db.store.getWorkspace(id)
  expect([record?.machine?.generation, record?.others, record?.highest]).toEqual([1, undefined, 2])
  expect(record === null ? null : nextGeneration(record)).toBe(3)
})

it('lets ticks, daemons and people work on one workspace at once', async () => {
  const { id, epoch, row, say } = await aLinkedWorkspace(db.store, NOW)
  const ask = anAsk(row.sessionId)
  await say({ type: 'approval.asked', ask })
  const report = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: 1, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 1, ports: [], at: NOW } satisfies ActivityReport & { at: number }
  const notice = { type: 'workspace.notice', level: 'info', code: 'n', message: 'm', hint: null } as const
  const ticking = async () => {
    const mine = (await db.store.claimDue({ owner: 'many', limit: 1, leaseMs: 60_000 }, NOW))[0]
    if (mine === undefined) return
    await db.store.saveTick(mine, { machine: { attempts: 2 }, events: [notice] }, NOW)
    await db.store.finishTick(mine, { workspace: { idleVerdicts: 1 }, machine: { attempts: 3 }, nextTickAt: NOW }, NOW)
  }
  const rounds = async (work: () => Promise<unknown>) => { for (let round = 0; round < 25; round++) await work() }
  // A deadlock would be an error of whoever the database chose to end.
  await Promise.all([
    rounds(ticking), rounds(ticking),
    rounds(() => say({ type: 'workspace.step', step: 'agent', title: 'agent', state: 'done', durationMs: 1, detail: null })),
    rounds(() => db.store.links.report(id, epoch, report, NOW)),
    rounds(() => db.store.links.seen(id, epoch, NOW)),
    rounds(() => db.store.links.closeLink(id, epoch, NOW)),
    rounds(() => db.store.setWish(id, { target: 'running', by: 'user', reason: null }, NOW)),
    rounds(() => db.store.approvals.decide(ask.approvalId, { behavior: 'allow', scope: 'once' }, { who: 'me', via: 'cli', at: NOW }, NOW)),
    rounds(() => db.store.failWorkspace(id, { code: 'internal', message: 'no', hint: null }, NOW)),
  ])
  const events = await db.store.events.read(id, 0, 1000)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  expect(events.filter(({ source }) => source === 'daemon')).toHaveLength(26)
}, 30_000)

describe('events', () => {
  it('have no holes with eight writers, and are announced to another server', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const other = await openStore({ database: db.address, masterKey: TEST_MASTER_KEY, connections: 8 })
    const heard = Promise.withResolvers<void>()
    const remove = db.store.events.onAppend((workspaceId) => { if (workspaceId === id) heard.resolve() })
    const notice = (message: string) => ({ body: { type: 'workspace.notice', level: 'info', code: 'n', message, hint: null } as const })
    await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
      for (let index = 0; index < 20; index++) await other.events.append(id, [notice(`${writer}-${index}-a`), notice(`${writer}-${index}-b`)], NOW)
    }))
    await heard.promise
    remove()
    await other.close()
    const events = await db.store.events.read(id, 0, 1000)
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 321 }, (_, index) => index + 1))
    expect(await db.store.events.tail(id)).toBe(321)
    expect((await db.store.events.read(id, 300, 10)).map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, index) => index + 301))
  })

  it('hears again after its connection was cut', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const heard = Promise.withResolvers<void>()
    const remove = db.store.events.onAppend((workspaceId) => { if (workspaceId === id) heard.resolve() })
    await db.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'berth listen'`
    await heard.promise
    remove()
  })

  it('says that a reader is further than the stream goes, which a restored one may be', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const tail = await db.store.events.tail(id)
    expect(await db.store.events.read(id, tail, 10)).toEqual([])
    expect(await refusal(db.store.events.read(id, tail + 1, 10))).toMatchObject({ code: 'cursor_gone' })
  })

  it('says that a prefix is gone, and calls an unreadable row a gap', async () => {
    const { id, say } = await aLinkedWorkspace(db.store, NOW)
    await say({ type: 'port', port: 1, state: 'open', process: null }, { type: 'port', port: 2, state: 'open', process: null })
    await db.sql`update streams set floor = 2 where workspace_id = ${id}`
    expect(await refusal(db.store.events.read(id, 1, 10))).toMatchObject({ code: 'cursor_gone', details: { floor: 2 } })
    await db.sql`update events set body = '"text"' where workspace_id = ${id} and seq = 3`
    expect((await db.store.events.read(id, 2, 10)).map(({ seq, body }) => [seq, body.type])).toEqual([[3, 'gap'], [4, 'port']])
    expect(await refusal(db.store.events.read(randomIds.workspace(), 0, 10))).toMatchObject({ code: 'not_found' })
    expect(await refusal(db.store.events.append(randomIds.workspace(), [{ body: { type: 'port', port: 1, state: 'open', process: null } }], NOW))).toMatchObject({ code: 'not_found' })
  })
})

describe('approvals', () => {
  it('are decided once, whoever else tries', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
    const ask = anAsk(row.sessionId)
    await say({ type: 'approval.asked', ask })
    expect(await db.store.approvals.list({ workspaceId: id, all: false })).toMatchObject([{ approvalId: ask.approvalId, state: 'open' }])
    const before = await db.store.events.tail(id)
    const outcomes = await Promise.all(Array.from({ length: 5 }, (_, index) =>
      db.store.approvals.decide(ask.approvalId, { behavior: index % 2 === 0 ? 'allow' : 'deny', scope: 'once' }, { who: `person ${index}`, via: 'cli', at: NOW }, NOW)))
    expect(outcomes.filter(({ won }) => won)).toHaveLength(1)
    const winner = outcomes.find(({ won }) => won)!.approval
    for (const { approval } of outcomes) expect(approval).toEqual(winner)
    expect(await db.store.events.read(id, before, 10)).toMatchObject([{ body: { type: 'approval.decided', by: winner.decidedBy! } }])
    expect(await db.store.approvals.list({ workspaceId: id, all: false })).toEqual([])
    expect(await db.store.approvals.list({ workspaceId: id, all: true })).toEqual([winner])
    expect(await db.store.approvals.undelivered(id)).toMatchObject([{ approvalId: ask.approvalId, orphaned: false }])
    expect(await refusal(db.store.approvals.decide(randomIds.approval(), { behavior: 'allow', scope: 'once' }, { who: 'x', via: 'cli', at: NOW }, NOW))).toMatchObject({ code: 'not_found' })
  })
})

describe('prompts', () => {
  it('wait in order, each once', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const [first, second] = [randomIds.prompt(), randomIds.prompt()]
    for (const [promptId, text] of [[first, 'one'], [second, 'two'], [first, 'again']] as const) await db.store.prompts.add(id, { promptId, text, by: 'me' }, NOW)
    expect(await db.store.prompts.pending(id)).toEqual([{ promptId: first, text: 'one' }, { promptId: second, text: 'two' }])
    expect(await db.store.events.tail(id)).toBe(3)
  })
})

describe('access', () => {
  it('has one owner, made once by whoever comes first', async () => {
    const own = await openTestDatabase()
    try {
      const owners = await Promise.all(Array.from({ length: 4 }, () => own.store.access.bootstrap(NOW)))
      expect(new Set(owners.map(({ userId }) => userId)).size).toBe(1)
      expect(await own.sql`select count(*) as count from users`).toMatchObject([{ count: 1 }])
    } finally { await own.close() }
  })

  it('knows a token by its hash until it expires or is revoked', async () => {
    const { access } = db.store
    const { userId, orgId } = await access.bootstrap(NOW)
    const { id, token } = await access.issueToken({ userId, kind: 'cli', name: 'laptop', expiresAt: NOW + 10 }, NOW)
    expect(await access.authenticate(token, NOW)).toEqual({ tokenId: id, userId, userName: 'tester', orgId, kind: 'cli', role: 'owner', scope: 'all' })
    expect(await access.authenticate(token, NOW + 10)).toBeNull()
    expect(await access.authenticate(`${token}x`, NOW)).toBeNull()
    expect((await access.listTokens(userId)).find((one) => one.id === id)).toEqual({ id, name: 'laptop', kind: 'cli', scope: 'all', createdAt: NOW, expiresAt: NOW + 10, lastUsedAt: NOW })
    const [row] = await db.sql<{ text: string }[]>`select string_agg(t::text, ' ') as text from tokens t`
    expect(row?.text).not.toContain(token)
    expect(await access.revokeToken(id, randomIds.user())).toBe(false)
    expect(await access.revokeToken(id, userId)).toBe(true)
    expect(await access.authenticate(token, NOW)).toBeNull()
  })

  it('redeems a sign-in code once', async () => {
    const { access } = db.store
    const { userId } = await access.bootstrap(NOW)
    const code = await access.issueSignInCode(userId, NOW + 10, NOW)
    const redeemed = await Promise.all(Array.from({ length: 5 }, () => access.redeemSignInCode(code, NOW)))
    expect(redeemed.filter((one) => one === userId)).toHaveLength(1)
    expect(await access.redeemSignInCode(await access.issueSignInCode(userId, NOW + 10, NOW), NOW + 10)).toBeNull()
  })
})

describe('viewers', () => {
  it('are counted while they are seen; only their input is activity', async () => {
    const { id } = await aWorkspace(db.store, NOW)
    const { userId } = await db.store.access.bootstrap(NOW)
    const { viewers } = db.store
    const viewer = await viewers.join({ workspaceId: id, userId, client: 'web' }, NOW)
    expect(await viewers.heartbeat(viewer, false, NOW + 10)).toBe(true)
    expect((await workspaceOf(id)).lastActiveAt).toBe(NOW)
    expect(await viewers.heartbeat(viewer, true, NOW + 20)).toBe(true)
    expect((await workspaceOf(id)).lastActiveAt).toBe(NOW + 20)
    expect([await viewers.count(id, NOW + 19), await viewers.count(id, NOW + 20), await viewers.total(NOW + 19)]).toEqual([1, 0, 1])
    await viewers.leave(viewer)
    expect(await viewers.heartbeat(viewer, false, NOW)).toBe(false)
  })
})

describe('the installation', () => {
  it('has an id of its own that stays', async () => {
    const { installation } = db.store
    expect((await installation.installation()).id).toMatch(/^[0-9a-f]{32}$/)
    expect(await installation.installation()).toMatchObject({ epoch: 1, reaperHeld: null })
    await installation.holdReaper('copied')
    expect((await installation.installation()).reaperHeld).toBe('copied')
    expect([await installation.releaseReaper(), await installation.releaseReaper()]).toEqual([true, false])
    expect(Math.abs(await installation.databaseNow() - Date.now())).toBeLessThan(60_000)
  })

  it('counts in how many inventories in a row something was seen', async () => {
    const { installation } = db.store
    await installation.sighted('a', 1)
    expect(await installation.sighted('a', 2)).toEqual({ count: 2, firstAt: 1 })
    await installation.sighted('b', 2)
    await installation.forgetSightings(['b'])
    expect(await installation.sighted('a', 3)).toEqual({ count: 1, firstAt: 3 })
    expect(await installation.sighted('b', 3)).toEqual({ count: 2, firstAt: 2 })
    await installation.forgetSightings([])
    expect(await installation.sighted('b', 4)).toEqual({ count: 1, firstAt: 4 })
  })
})
