/** What the store's tests put in. */
import type { NewWorkspace, Store, WorkspaceRecord } from '@berth/core'
import { type ApprovalAsk, type EventBody, randomIds, type SessionId, type WorkspaceId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'

export async function newWorkspace(store: Store, now: number, over: Partial<NewWorkspace> = {}): Promise<NewWorkspace> {
  const { userId, orgId } = await store.access.bootstrap(now)
  const id = randomIds.workspace()
  return {
    id, orgId, creatorId: userId, name: `box-${id.slice(3)}`, repository: 'demo', branch: null, source: { kind: 'empty' }, sourceReady: true,
    provider: 'local', image: null, resources: {}, agent: 'plain', command: 'bash', services: [], approvalMode: 'ask', acceptNoIsolation: true,
    sessionId: randomIds.session(), exposures: [], autoStopMs: 1000, steps: [],
    secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null, ...over,
  }
}

export async function aWorkspace(store: Store, now: number, over: Partial<NewWorkspace> = {}): Promise<{ id: WorkspaceId; row: NewWorkspace; record: WorkspaceRecord }> {
  const row = await newWorkspace(store, now, over)
  return { id: row.id, row, record: await store.createWorkspace(row, now) }
}

/** A workspace whose first machine has an open link. */
export async function aLinkedWorkspace(store: Store, now: number, over: Partial<NewWorkspace> = {}) {
  const made = await aWorkspace(store, now, over)
  await toGeneration(store, made.id, { generation: 1, now })
  const { epoch } = await openLink(store, made.id, { now })
  const upload = (uploaded: readonly JournalEntry[], journalId = 'journal') => store.links.upload({ workspaceId: made.id, epoch, journalId, entries: uploaded }, now)
  let n = 0
  /** Uploads these bodies as the journal's next entries. */
  const say = (...bodies: EventBody[]) => upload(bodies.map((body) => ({ n: ++n, id: randomIds.event(), ageMs: 0, body })))
  return { ...made, epoch, upload, say }
}

export async function toGeneration(store: Store, id: WorkspaceId, { generation, now }: { generation: number; now: number }): Promise<void> {
  await store.wake(id, now)
  const claims = await store.claimDue({ owner: 'fixture', limit: 1000, leaseMs: 1 }, now)
  for (const claim of claims) {
    const mine = claim.workspaceId === id
    await store.finishTick(claim, { ...(mine ? { workspace: { generation }, machine: { attempts: 1 } } : {}), nextTickAt: now + 1e9 }, now)
  }
}

export function openLink(store: Store, workspaceId: WorkspaceId, { now, journalId = 'journal', lastN = 0, generation = 1 }: { now: number; journalId?: string; lastN?: number; generation?: number }) {
  return store.links.openLink({ workspaceId, generation, journalId, lastN, boot: 'boot', daemonVersion: '0.1.0', isolation: 'none', server: 'one' }, now)
}

export function entries(count: number, from = 1): JournalEntry[] {
  return Array.from({ length: count }, (_, index) => ({ n: from + index, id: randomIds.event(), ageMs: 0, body: { type: 'test.thing', index: from + index } }))
}

export function anAsk(sessionId: SessionId): ApprovalAsk {
  return {
    approvalId: randomIds.approval(), sessionId, kind: 'permission', tool: 'Bash', title: 'run ls', toolCallId: 'call', input: { command: 'ls' },
    cwd: '/work', contentHash: 'hash',
  }
}

/** What the promise was refused with; null when it was not. */
export const refusal = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => null, (error: unknown) => error)
