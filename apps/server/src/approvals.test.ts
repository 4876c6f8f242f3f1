import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { Approval, ApprovalId, WorkspaceId } from '@berth/wire'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness()
}, 60_000)
afterAll(() => b?.close())

/** A workspace whose agent asked, as its daemon uploads it. */
async function asked(): Promise<{ id: WorkspaceId; approvalId: ApprovalId }> {
  const made = await b.create()
  await b.until(made.id, ({ phase }) => phase === 'starting')
  const { links } = b.server.store
  const now = Date.now()
  const link = { workspaceId: made.id, generation: 1, journalId: 'journal', lastN: 0, boot: 'boot', daemonVersion: '0.1.0', isolation: 'none', server: 'test' }
  const { epoch } = await links.openLink(link, now)
  const approvalId = randomIds.approval()
  const ask = { approvalId, sessionId: made.sessionId ?? randomIds.session(), kind: 'permission' as const, tool: 'Bash', title: 'run ls', toolCallId: null, input: { command: 'ls' }, cwd: '/work', contentHash: 'hash' }
  await links.upload({ workspaceId: made.id, epoch, journalId: 'journal', entries: [{ n: 1, id: randomIds.event(), ageMs: 0, body: { type: 'approval.asked', ask } }] }, now)
  await links.closeLink(made.id, epoch, now)
  return { id: made.id, approvalId }
}

const answer = (id: ApprovalId, behavior: 'allow' | 'deny', via: string) => b.fetch(`/api/v1/approvals/${id}/decision`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ decision: { behavior }, via }) })
const wishOf = async (id: WorkspaceId) => (await b.client.getWorkspace({ id })).wish

describe('an approval', () => {
  it('has one winner of five who answer at once, and the others learn who it was', async () => {
    const { approvalId } = await asked()
    const vias = ['cli', 'web', 'push', 'api', 'web'] as const
    const answers = await Promise.all(vias.map((via, index) => answer(approvalId, index % 2 === 0 ? 'allow' : 'deny', via)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    const winner = (await answers.find(({ status }) => status === 200)?.json()) as Approval
    const by = winner.decidedBy
    expect(by).not.toBeNull()
    for (const lost of answers.filter(({ status }) => status === 409)) {
      expect(await lost.json()).toMatchObject({
        code: 'approval_decided', message: `${by?.who} answered first, by ${by?.via}`,
        details: { approval: { approvalId, decision: { behavior: winner.decision?.behavior }, decidedBy: { via: by?.via } } },
      })
    }
    expect((await b.client.getApproval({ id: approvalId })).decision?.behavior).toBe(winner.decision?.behavior)
  })

  it('wakes by its answer what idleness stopped, and not what a person stopped', async () => {
    for (const by of ['idle', 'user'] as const) {
      const { id, approvalId } = await asked()
      await b.server.store.setWish(id, { target: 'stopped', by, reason: null }, Date.now())
      expect((await answer(approvalId, 'allow', 'cli')).status).toBe(200)
      expect(await wishOf(id)).toMatchObject(by === 'idle' ? { target: 'running', reason: 'a question was answered' } : { target: 'stopped', by: 'user' })
    }
  })
})

describe('a message', () => {
  it('wakes what idleness stopped, and waits where a person, a budget or a failure did', async () => {
    for (const by of ['idle', 'user', 'budget'] as const) {
      const { id, name } = await b.create()
      await b.server.store.setWish(id, { target: 'stopped', by, reason: null }, Date.now())
      const sent = await b.client.sendMessage({ id, text: 'hello' })
      expect(sent).toMatchObject({ status: 'queued', detail: by === 'idle' ? null : expect.stringContaining(`berth start ${name}`) })
      expect((await wishOf(id)).target).toBe(by === 'idle' ? 'running' : 'stopped')
      expect(await b.server.store.prompts.pending(id)).toMatchObject([{ text: 'hello' }])
    }
  })
})
