import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { ApprovalId, EventBody, Workspace, WorkspaceId } from '@berth/wire'
import { createServerAsks, HOURLY_LIMIT, OPEN_LIMIT } from './services/server-asks.ts'
import type { ServerAsk } from './services/server-asks.ts'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

setDefaultTimeout(60_000)
let b: Harness
beforeAll(async () => { b = await startHarness() })
afterAll(() => b?.close())

const NEVER = new AbortController().signal
const pushOf = (workspaceId: WorkspaceId, ref = 'refs/heads/main', forMs?: number): ServerAsk => ({ workspaceId, tool: 'berth:push', title: `push to ${ref}`, input: { repository: 'https://git.example/o/r', ref }, ...(forMs === undefined ? {} : { forMs }) })
const answer = (id: ApprovalId, decision: object, via = 'web') => b.fetch(`/api/v1/approvals/${id}/decision`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ decision, via }) })
const eventsOf = async (id: WorkspaceId, id2: ApprovalId) => (await b.server.store.events.read(id, 0, 1000)).filter(({ body }) => JSON.stringify(body).includes(id2)).map(({ source, body }) => `${source} ${body.type}`)

/** What a hostile daemon of that workspace uploads. */
async function said(made: Workspace, ...bodies: object[]): Promise<void> {
  const { links } = b.server.store
  const now = Date.now()
  await b.until(made.id, ({ phase }) => phase === 'starting')
  const journalId = 'hostile'
  const { epoch } = await links.openLink({ workspaceId: made.id, generation: 1, journalId, lastN: 0, boot: 'boot', daemonVersion: '0.1.0', isolation: 'none', server: 'test' }, now)
  const entries = bodies.map((body, index) => ({ n: index + 1, id: randomIds.event(), ageMs: 0, body: body as EventBody }))
  expect(await links.upload({ workspaceId: made.id, epoch, journalId, entries }, now)).toMatchObject({ kind: 'stored', ackedN: bodies.length })
}

describe('what the server asks', () => {
  it('is an approval of the main session, answered as the agent\'s are, and told to whoever waits', async () => {
    const made = await b.create()
    const waiting = await b.server.asks.begin(pushOf(made.id))
    const [asked] = await b.client.listApprovals({ workspace: made.id })
    expect(asked).toMatchObject({ approvalId: waiting.approvalId, kind: 'permission', tool: 'berth:push', title: 'push to refs/heads/main', state: 'open', sessionId: made.sessionId, expiresAt: waiting.expiresAt })
    expect((await b.client.getWorkspace({ id: made.id })).needsYou).toBe(1)
    const decided = waiting.decided(NEVER)
    expect((await answer(waiting.approvalId, { behavior: 'allow', updatedInput: { ref: 'refs/heads/other' } })).status).toBe(400)
    expect((await answer(waiting.approvalId, { behavior: 'deny', message: 'not on a Friday' })).status).toBe(200)
    expect(await decided).toMatchObject({ behavior: 'deny', message: 'not on a Friday', by: { via: 'web' } })
    expect(await b.client.getApproval({ id: waiting.approvalId })).toMatchObject({ state: 'applied' })
    expect(await eventsOf(made.id, waiting.approvalId)).toEqual(['server approval.asked', 'server approval.decided', 'server approval.applied'])
  })

  it('has one decision of five given at once, and all who wait for it hear that one', async () => {
    const made = await b.create()
    const all = Array.from({ length: 4 }, () => b.server.asks.ask(pushOf(made.id), NEVER))
    const { approvalId } = await b.server.asks.begin(pushOf(made.id))
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => answer(approvalId, { behavior: n % 2 === 0 ? 'allow' : 'deny' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    const { decision } = await b.client.getApproval({ id: approvalId })
    for (const one of await Promise.all(all)) expect(one).toMatchObject({ approvalId, behavior: decision?.behavior })
  })

  it('outlives the server that asked: the next who asks the same is given the answer, once', async () => {
    const made = await b.create()
    const { server } = b
    const first = createServerAsks({ store: server.store, clock: { now: () => Date.now() }, log: () => {} })
    const { approvalId, decided } = await first.begin(pushOf(made.id))
    const waiting = decided(NEVER)
    const refused = waiting.catch((error: unknown) => error)
    await first.stop()
    expect(await refused).toMatchObject({ code: 'network_unreachable' })
    expect((await answer(approvalId, { behavior: 'allow' }, 'push')).status).toBe(200)
    // It is no answer to something else.
    expect((await server.asks.begin(pushOf(made.id, 'refs/heads/another'))).approvalId).not.toBe(approvalId)
    expect(await server.asks.ask(pushOf(made.id), NEVER)).toMatchObject({ approvalId, behavior: 'allow', by: { via: 'push' } })
    // Other content, and the same content again, are other questions.
    for (const again of [pushOf(made.id, 'refs/heads/other'), pushOf(made.id)]) expect((await server.asks.begin(again)).approvalId).not.toBe(approvalId)
  })

  it('stays when whoever waited is gone', async () => {
    const made = await b.create()
    const leaving = new AbortController()
    const { approvalId, decided } = await b.server.asks.begin(pushOf(made.id))
    const waiting = decided(leaving.signal)
    leaving.abort(new Error('git was interrupted'))
    await expect(waiting).rejects.toThrow('git was interrupted')
    expect((await answer(approvalId, { behavior: 'allow' })).status).toBe(200)
    expect(await b.client.getApproval({ id: approvalId })).toMatchObject({ state: 'decided' })
    expect((await b.server.store.approvals.undelivered(made.id)).length).toBe(0)
  })

  it('is refused when nobody answers in time, also after a restart, and a late answer is none', async () => {
    const made = await b.create()
    const quick = createServerAsks({ store: b.server.store, clock: { now: () => Date.now() }, log: () => {}, expireEveryMs: 5 })
    try {
      expect(await quick.ask(pushOf(made.id, 'refs/heads/main', 1), NEVER)).toMatchObject({ behavior: 'deny', message: 'nobody answered in time', by: { via: 'rule' } })
    } finally {
      await quick.stop()
    }
    const late = await b.server.asks.begin(pushOf(made.id, 'refs/heads/late', -1))
    expect((await answer(late.approvalId, { behavior: 'allow' })).status).toBe(409)
    expect(await late.decided(NEVER)).toMatchObject({ behavior: 'deny', by: { via: 'rule' } })
    // That nobody answered is no answer to the next.
    expect((await b.server.asks.begin(pushOf(made.id))).approvalId).not.toBe(late.approvalId)
  })

  it('has a limit for each workspace', async () => {
    const [made, other] = [await b.create(), await b.create()]
    for (let n = 0; n < OPEN_LIMIT; n++) await b.server.asks.begin(pushOf(made.id, `refs/heads/${n}`))
    await expect(b.server.asks.begin(pushOf(made.id, 'refs/heads/more'))).rejects.toMatchObject({ code: 'too_many' })
    for (let n = 0; n < HOURLY_LIMIT; n++) await answer((await b.server.asks.begin(pushOf(other.id, `refs/heads/${n}`))).approvalId, { behavior: 'deny' })
    await expect(b.server.asks.begin(pushOf(other.id, 'refs/heads/more'))).rejects.toMatchObject({ code: 'too_many' })
  })
})

describe('a machine', () => {
  it('can neither decide, apply, withdraw nor forge what the server asks', async () => {
    const made = await b.create()
    const { approvalId } = await b.server.asks.begin(pushOf(made.id))
    const forged = { approvalId: randomIds.approval(), sessionId: made.sessionId, kind: 'permission', tool: 'berth:push', title: 'push to nowhere', toolCallId: null, input: {}, cwd: null, contentHash: 'x' }
    const by = { who: 'Ana', via: 'web', at: 1 }
    await said(made,
      { type: 'approval.decided', approvalId, decision: { behavior: 'allow', scope: 'once' }, by },
      { type: 'approval.applied', approvalId, behavior: 'allow', via: 'web' },
      { type: 'approval.orphaned', approvalId, why: 'gone' },
      { type: 'approval.superseded', approvalId, by: approvalId },
      { type: 'approval.asked', ask: { ...forged, approvalId, tool: 'Bash' } },
      { type: 'approval.asked', ask: forged },
      { type: 'approval.asked', ask: { ...forged, tool: ' BERTH :push' } },
      { type: 'approval.asked', ask: { ...forged, tool: 'ｂerth:push' } },
      { type: 'approval.asked', ask: { ...forged, tool: 'Bash', expiresAt: 9e12 } },
    )
    expect(await b.client.getApproval({ id: approvalId })).toMatchObject({ state: 'open', tool: 'berth:push', decision: null })
    expect(await b.client.listApprovals({ workspace: made.id, all: 'true' } as never)).toHaveLength(1)
    const events = await b.server.store.events.read(made.id, 0, 1000)
    expect(events.filter(({ source, body }) => source === 'daemon' && body.type.startsWith('approval.'))).toEqual([])
    expect(events.filter(({ body }) => body['code'] === 'not_believed')).toHaveLength(9)
    // And one of another workspace's.
    const other = await b.create()
    await said(other, { type: 'approval.applied', approvalId, behavior: 'allow', via: 'web' }, { type: 'approval.superseded', approvalId, by: approvalId })
    expect(await b.client.getApproval({ id: approvalId })).toMatchObject({ state: 'open' })
  })
})
