import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { type EventBody, HOSTED_REFS, randomIds, type WorkspaceId } from '@berth/wire'
import type { ActivityReport } from '@berth/wire/daemon'
import { sortEntries } from './upload.ts'
import { aLinkedWorkspace, anAsk, entries, openLink, refusal } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() })
afterAll(async () => db?.close())
const NOW = 1_000_000

const daemonEvents = async (id: WorkspaceId) => (await db.store.events.read(id, 0, 1000)).filter((event) => event.source === 'daemon')

describe('a link', () => {
  it('takes over: the older link may not write, nor close the newer one', async () => {
    const { id, epoch, upload } = await aLinkedWorkspace(db.store, NOW)
    const second = await openLink(db.store, id, { now: NOW + 1 })
    expect(second.epoch).toBe(epoch + 1)
    expect(await upload(entries(1))).toEqual({ kind: 'fenced' })
    await db.store.links.closeLink(id, epoch, NOW + 2)
    expect((await db.store.getWorkspace(id))?.machine).toMatchObject({ linkEpoch: second.epoch, linkedAt: NOW + 1 })
    await db.store.links.seen(id, epoch, NOW + 3)
    expect((await db.store.getWorkspace(id))?.machine?.lastSeenAt).toBe(NOW + 1)
    await db.store.links.closeLink(id, second.epoch, NOW + 4)
    expect((await db.store.getWorkspace(id))?.machine?.linkedAt).toBeNull()
  })

  it('mints a different epoch for each of several that open at once', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const epochs = await Promise.all(Array.from({ length: 6 }, async () => (await openLink(db.store, id, { now: NOW })).epoch))
    expect(new Set(epochs).size).toBe(6)
  })

  it('asks a journal that lost its end to rotate, and sends an unknown one from the start', async () => {
    const { id, upload } = await aLinkedWorkspace(db.store, NOW)
    await upload(entries(5))
    expect((await openLink(db.store, id, { now: NOW, lastN: 4 })).journal).toEqual({ do: 'rotate' })
    expect((await openLink(db.store, id, { now: NOW, lastN: 5 })).journal).toEqual({ do: 'continue', ackedN: 5 })
    expect((await openLink(db.store, id, { now: NOW, lastN: 9, journalId: 'other' })).journal).toEqual({ do: 'continue', ackedN: 0 })
  })

  it('is refused for a machine that stands stopped, until it is wanted again', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const enrolled = await db.store.links.enrol(id, 1, await db.store.links.issueBootToken(id, 1, NOW), NOW)
    const authenticated = () => db.store.links.authenticateLink(enrolled?.linkToken ?? '')
    await db.store.setWish(id, { target: 'stopped', by: 'user', reason: null }, NOW)
    await db.sql`update machines set observed = '{"state":"running","startedAt":null}', ensuring_since = ${NOW} where workspace_id = ${id}`
    // It saves its work before it stops.
    expect(await authenticated()).not.toBeNull()
    await db.sql`update machines set observed = '{"state":"stopped","exitCode":0,"detail":null}' where workspace_id = ${id}`
    expect(await authenticated()).not.toBeNull()
    await db.sql`update machines set ensuring_since = null where workspace_id = ${id}`
    expect(await authenticated()).toBeNull()
    // Nor does who was let in before it stood, and said hello only now.
    expect(await refusal(openLink(db.store, id, { now: NOW }))).toMatchObject({ code: 'conflict' })
    await db.store.setWish(id, { target: 'running', by: 'user', reason: null }, NOW)
    expect(await authenticated()).not.toBeNull()
    await openLink(db.store, id, { now: NOW })
  })

  it('is refused for a machine that is not the active one', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    expect(await refusal(openLink(db.store, id, { now: NOW, generation: 2 }))).toMatchObject({ code: 'conflict' })
  })

  it('enrols by a boot token until a link was opened with what it gave', async () => {
    const { id } = await aLinkedWorkspace(db.store, NOW)
    const { links } = db.store
    const early = await links.issueBootToken(id, 1, NOW)
    const [boot = '', ...later] = await Promise.all([NOW + 1, NOW + 2, NOW + 3].map((now) => links.issueBootToken(id, 1, now)))
    // Whichever poll of the provider gave the machine its boot file, it gets in.
    expect([boot, ...later]).toEqual([early, early, early])
    expect(await links.enrol(id, 1, `${boot}x`, NOW)).toBeNull()
    expect(await links.issueBootToken(id, 2, NOW)).not.toBe(boot)
    expect(await links.enrol(id, 2, boot, NOW)).toBeNull()
    const lost = await links.enrol(id, 1, boot, NOW)
    const kept = await links.enrol(id, 1, boot, NOW)
    expect(await links.authenticateLink(lost?.linkToken ?? '')).toBeNull()
    expect(await links.authenticateLink(kept?.linkToken ?? '')).toEqual({ workspaceId: id, generation: 1 })
    await openLink(db.store, id, { now: NOW })
    expect(await links.enrol(id, 1, boot, NOW)).toBeNull()
    // A new boot token does not end the link token that is in use.
    const next = await links.issueBootToken(id, 1, NOW)
    expect(next).not.toBe(boot)
    expect(await links.enrol(id, 1, boot, NOW)).toBeNull()
    await openLink(db.store, id, { now: NOW })
    expect(await links.authenticateLink(kept?.linkToken ?? '')).not.toBeNull()
    expect(await links.enrol(id, 1, next, NOW)).not.toBeNull()
    const stored = await db.sql<{ text: string }[]>`select (select string_agg(t::text, ' ') from boot_tokens t) || (select string_agg(t::text, ' ') from link_tokens t) as text`
    expect(stored[0]?.text).not.toContain(boot)
    expect(stored[0]?.text).not.toContain(kept?.linkToken)
    await db.store.setWish(id, { target: 'deleted', by: 'user', reason: null }, NOW)
    expect(await links.authenticateLink(kept?.linkToken ?? '')).toBeNull()
  })
})

describe('an upload', () => {
  it('stores each entry once however often it is sent', async () => {
    const { id, upload } = await aLinkedWorkspace(db.store, NOW)
    const batch = entries(4)
    const outcomes = await Promise.all([upload(batch), upload(batch), upload(batch.slice(0, 2))])
    expect(outcomes).toContainEqual({ kind: 'stored', ackedN: 4 })
    expect(await upload(batch)).toEqual({ kind: 'stored', ackedN: 4 })
    expect((await daemonEvents(id)).map((event) => event.id)).toEqual(batch.map((entry) => entry.id))
  })

  it('says what it expects after a hole, and keeps what came before', async () => {
    const { id, upload } = await aLinkedWorkspace(db.store, NOW)
    const all = entries(5)
    expect(await upload([all[1]!])).toEqual({ kind: 'expected', n: 1 })
    expect(await upload([all[0]!, all[1]!, all[3]!])).toEqual({ kind: 'expected', n: 3 })
    expect(await upload(all.slice(2))).toEqual({ kind: 'stored', ackedN: 5 })
    expect((await daemonEvents(id)).map((event) => event.body['index'])).toEqual([1, 2, 3, 4, 5])
  })

  it('asks for a rotation when a number was used for something else, then knows the events by their ids', async () => {
    const { id, upload } = await aLinkedWorkspace(db.store, NOW)
    const first = entries(3)
    await upload(first)
    // Rolled back to 2, then it went on.
    const other = entries(2, 3)
    expect(await upload(other)).toEqual({ kind: 'rotate' })
    expect(await daemonEvents(id)).toHaveLength(3)
    const renumbered = [first[1]!, ...other].map((entry, index) => ({ ...entry, n: index + 1 }))
    expect(await upload(renumbered, 'rotated')).toEqual({ kind: 'stored', ackedN: 3 })
    expect((await daemonEvents(id)).map((event) => event.id)).toEqual([...first, ...other].map((entry) => entry.id))
  })

  it('sorts a batch by numbers and ids alone', () => {
    const [a, b, c] = entries(3) as [ReturnType<typeof entries>[0], ReturnType<typeof entries>[0], ReturnType<typeof entries>[0]]
    expect(sortEntries([a, b, c], 0, new Set())).toEqual({ fresh: [a, b, c], lastN: 3, stop: null })
    expect(sortEntries([a, b], 2, new Set([a.id, b.id]))).toEqual({ fresh: [], lastN: 2, stop: null })
    expect(sortEntries([a, a], 0, new Set())).toEqual({ fresh: [a], lastN: 1, stop: null })
    expect(sortEntries([b], 2, new Set([a.id]))).toEqual({ fresh: [], lastN: 2, stop: 'rotate' })
  })

  it('is not stopped by what the database cannot hold, and shortens what is far too large', async () => {
    const { id, upload } = await aLinkedWorkspace(db.store, NOW)
    let deep: unknown = 1
    for (let depth = 0; depth < 20_000; depth++) deep = [deep]
    const bodies = [
      { type: 'strange.text', text: 'nul \0 and \ud800 alone', ['key\0']: 1 },
      { type: 'strange.deep', deep },
      { type: 'strange.large', text: 'x'.repeat(300_000) },
      { type: 'strange.\0type', at: Number.MAX_VALUE * 2 },
      { type: 'strange.age' },
    ]
    expect(await upload(bodies.map((body, index) => ({ n: index + 1, id: randomIds.event(), ageMs: body.type === 'strange.age' ? 1e300 : 5, body })))).toEqual({ kind: 'stored', ackedN: 5 })
    const stored = await daemonEvents(id)
    expect(stored[0]).toMatchObject({ at: NOW - 5, body: { text: 'nul \ufffd and \ufffd alone' } })
    expect(stored[4]?.at).toBe(0)
    expect(stored[2]?.body['text']).toBeUndefined()
    expect(stored[2]?.body['tooLarge']).toBeGreaterThan(300_000)
  })
})

describe('what daemons report', () => {
  it('moves an approval, by its own workspace only', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
    const stranger = await aLinkedWorkspace(db.store, NOW)
    const { approvals } = db.store
    const ask = anAsk(row.sessionId)
    await say({ type: 'approval.asked', ask })
    await say({ type: 'approval.asked', ask: { ...ask, title: 'something else' } })
    await stranger.say({ type: 'approval.asked', ask: { ...ask, title: 'mine' } })
    await stranger.say({ type: 'approval.applied', approvalId: ask.approvalId, behavior: 'allow', via: 'terminal' })
    expect(await approvals.get(ask.approvalId)).toMatchObject({ ...ask, workspaceId: id, state: 'open', askedAt: NOW })
    await say({ type: 'approval.orphaned', approvalId: ask.approvalId, why: 'restart' })
    expect(await approvals.get(ask.approvalId)).toMatchObject({ state: 'orphaned' })
    expect(await approvals.decide(ask.approvalId, { behavior: 'allow', scope: 'once' }, { who: 'me', via: 'cli', at: NOW }, NOW)).toMatchObject({ won: true })
    expect(await approvals.undelivered(id)).toMatchObject([{ approvalId: ask.approvalId, orphaned: true, state: 'decided' }])
    await say({ type: 'approval.applied', approvalId: ask.approvalId, behavior: 'allow', via: 'cli' })
    expect(await approvals.get(ask.approvalId)).toMatchObject({ state: 'applied', appliedAt: NOW, decidedBy: { who: 'me' } })
    expect(await approvals.undelivered(id)).toEqual([])
    await say({ type: 'approval.superseded', approvalId: ask.approvalId, by: randomIds.approval() })
    expect(await approvals.get(ask.approvalId)).toMatchObject({ state: 'applied' })
  })

  it('takes the terminal\'s answer for the decision, also when another one was on its way', async () => {
    const { row, say } = await aLinkedWorkspace(db.store, NOW)
    const { approvals } = db.store
    const [first, second, third] = [anAsk(row.sessionId), anAsk(row.sessionId), anAsk(row.sessionId)]
    for (const ask of [first, second, third]) await say({ type: 'approval.asked', ask })
    await approvals.decide(second.approvalId, { behavior: 'allow', scope: 'once' }, { who: 'me', via: 'cli', at: NOW }, NOW)
    for (const ask of [first, second]) await say({ type: 'approval.applied', approvalId: ask.approvalId, behavior: 'deny', via: 'terminal' })
    for (const ask of [first, second]) {
      expect(await approvals.get(ask.approvalId)).toMatchObject({ state: 'applied', decision: { behavior: 'deny' }, decidedBy: { via: 'terminal' } })
    }
    await say({ type: 'approval.superseded', approvalId: third.approvalId, by: second.approvalId })
    expect(await approvals.get(third.approvalId)).toMatchObject({ state: 'superseded' })
  })

  it('moves prompts forwards only', async () => {
    const promptId = randomIds.prompt()
    const { id, say } = await aLinkedWorkspace(db.store, NOW, { prompt: { promptId, text: 'do it' } })
    expect(await db.store.prompts.pending(id)).toEqual([{ promptId, text: 'do it' }])
    const moved = (status: 'sent' | 'accepted' | 'ambiguous'): EventBody => ({ type: 'prompt', promptId, sessionId: null, text: 'do it', status, detail: null })
    await say(moved('sent'))
    expect(await db.store.prompts.pending(id)).toHaveLength(1)
    await say(moved('ambiguous'))
    expect(await db.store.prompts.pending(id)).toEqual([])
    await say(moved('accepted'), moved('sent'))
    expect(await db.sql`select status from prompts where id = ${promptId}`).toMatchObject([{ status: 'accepted' }])
  })

  it('tells the state of the agent, the steps, and that it is ready', async () => {
    const { id, row, say } = await aLinkedWorkspace(db.store, NOW)
    const step = (name: string, state: 'started' | 'done'): EventBody => ({ type: 'workspace.step', step: name, title: name, state, durationMs: state === 'done' ? 7 : null, detail: null })
    await say(step('code', 'started'), step('code', 'done'), step('agent', 'started'))
    expect((await db.store.getWorkspace(id))?.workspace).toMatchObject({ readyAt: null, steps: [{ step: 'code', state: 'done', durationMs: 7, startedAt: NOW }, { step: 'agent', state: 'started' }] })
    await say(step('agent', 'done'), { type: 'session.state', sessionId: row.sessionId, state: 'busy', detail: null }, { type: 'session.state', sessionId: randomIds.session(), state: 'error', detail: null })
    expect((await db.store.getWorkspace(id))?.workspace).toMatchObject({ readyAt: NOW, agentState: 'busy', failure: null })
    expect(await db.store.nextDue()).toBeLessThanOrEqual(NOW)
  })

  it('fails the workspace with its step, which is also a wish to stop', async () => {
    const { id, say } = await aLinkedWorkspace(db.store, NOW)
    const failed: EventBody = { type: 'workspace.step', step: 'code', title: 'clone', state: 'failed', durationMs: 3, detail: 'repository not found' }
    await say(failed)
    const { workspace } = (await db.store.getWorkspace(id))!
    expect(workspace).toMatchObject({ failure: { code: 'clone_refused', message: 'repository not found' }, wish: { target: 'stopped', by: 'failure', version: 2 } })
    await db.store.setWish(id, { target: 'running', by: 'user', reason: null }, NOW)
    expect((await db.store.getWorkspace(id))?.workspace.failure).toBeNull()
    await db.store.setWish(id, { target: 'stopped', by: 'user', reason: 'enough' }, NOW)
    await say(failed)
    expect((await db.store.getWorkspace(id))?.workspace).toMatchObject({ failure: null, wish: { by: 'user', reason: 'enough' } })
  })

  it('counts a save only when it left the machine', async () => {
    const { id, say } = await aLinkedWorkspace(db.store, NOW)
    await say({ type: 'checkpoint', commit: 'a'.repeat(40), ref: 'refs/berth/checkpoints/1', reason: 'turn', files: 1 })
    expect((await db.store.getWorkspace(id))?.workspace.saved).toBeNull()
    await say({ type: 'checkpoint', commit: 'b'.repeat(40), ref: HOSTED_REFS.save, reason: 'stop', files: 1 })
    expect((await db.store.getWorkspace(id))?.workspace.saved).toEqual({ commit: 'b'.repeat(40), ref: HOSTED_REFS.save, at: NOW })
  })

  it('keeps the machine awake by work and by hands, not by its reports alone', async () => {
    const { id, row, epoch, say } = await aLinkedWorkspace(db.store, NOW)
    const report = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: null, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 1, ports: [], at: NOW + 100 } satisfies ActivityReport & { at: number }
    await db.store.links.report(id, epoch, report, NOW + 100)
    expect((await db.store.getWorkspace(id))?.workspace).toMatchObject({ lastActiveAt: NOW, activity: report })
    await db.store.links.report(id, epoch, { ...report, humanInputAgeMs: 10 }, NOW + 100)
    expect((await db.store.getWorkspace(id))?.workspace.lastActiveAt).toBe(NOW + 90)
    await db.store.links.report(id, epoch, { ...report, agent: 'busy', turnProgressAgeMs: null }, NOW + 95)
    expect((await db.store.getWorkspace(id))?.workspace.lastActiveAt).toBe(NOW + 95)
    await db.store.links.report(id, epoch, { ...report, humanInputAgeMs: 1e300, previewAgeMs: null }, NOW + 100)
    await db.store.links.report(id, epoch - 1, { ...report, humanInputAgeMs: 0 }, NOW + 500)
    expect((await db.store.getWorkspace(id))?.workspace.lastActiveAt).toBe(NOW + 95)
    await say({ type: 'turn.started', sessionId: row.sessionId, turnId: 't' })
    expect((await db.store.getWorkspace(id))?.workspace.lastActiveAt).toBe(NOW + 95)
  })
})
