/**
 * From events to rows of the outbox. What was looked at already is looked at again after a restart and changes
 * nothing: a row stands once for its key. Where nobody has a channel, nothing is read.
 */
import { tell } from '@berth/core'
import type { Channel, Clock, Happening, Store, WorkspaceRecord } from '@berth/core'
import { isUnanswered, knownBody } from '@berth/wire'
import type { ApprovalId, StoredEvent, UserId, WorkspaceId } from '@berth/wire'

export interface WatchDeps {
  readonly store: Pick<Store, 'notifications' | 'settings' | 'approvals' | 'events' | 'getWorkspace' | 'listWorkspaces'>
  readonly clock: Clock
  /** That person looks at this workspace now. */
  present(workspaceId: WorkspaceId, userId: UserId): Promise<boolean>
}
type Listeners = ReadonlyMap<UserId, readonly { channel: Channel; since: number }[]>
export interface Watcher {
  /** Nobody listens: `look` does nothing. */
  readonly listening: boolean
  /** Who has a channel may have changed. Looks at everything when somebody listens for the first time. */
  refresh(): Promise<void>
  look(id: WorkspaceId): Promise<void>
}

const TYPES = ['approval.asked', 'approval.decided', 'approval.applied', 'approval.superseded', 'turn.ended', 'workspace.phase', 'report.notice']
/** What happened longer ago while no server ran is no news. Questions that still wait always are. */
const LOOK_BACK_MS = 6 * 3600_000
const PAGE = 500
const HOUR_MS = 3600_000

export function createWatcher(deps: WatchDeps): Watcher {
  const { store, clock } = deps
  const cursors = new Map<WorkspaceId, number>()
  let listeners: Listeners = new Map()
  /** For whom everything was looked at, to the end. */
  let lookedFor = ''

  const tellOf = async ({ workspace }: WorkspaceRecord, happening: Happening): Promise<void> => {
    const channels = listeners.get(workspace.creatorId) ?? []
    // A notification leads to a page that does not show it.
    if (channels.length === 0 || workspace.deletedAt !== null || workspace.web === false) return
    const [own, present, toldLately] = await Promise.all([
      store.settings.get(workspace.creatorId), deps.present(workspace.id, workspace.creatorId), store.notifications.toldSince(workspace.id, clock.now() - HOUR_MS),
    ])
    await store.notifications.add(tell(happening, workspace, { userId: workspace.creatorId, settings: own.settings.notify, channels, present, toldLately }, clock.now()), clock.now())
  }

  /** The row is asked and not the event: a machine may say anything of a question that is another workspace's. */
  const approvalMoved = async (record: WorkspaceRecord, approvalId: ApprovalId): Promise<void> => {
    const approval = await store.approvals.get(approvalId)
    if (approval?.workspaceId !== record.workspace.id) return
    if (isUnanswered(approval)) await tellOf(record, { kind: 'asked', approval })
    else await store.notifications.settle(approvalId, clock.now())
  }

  const happened = async (record: WorkspaceRecord, event: StoredEvent): Promise<void> => {
    const body = knownBody(event.body)
    if (body === null) return
    if (body.type === 'approval.asked') return approvalMoved(record, body.ask.approvalId)
    if (body.type === 'approval.decided' || body.type === 'approval.applied' || body.type === 'approval.superseded') return approvalMoved(record, body.approvalId)
    const happening = happeningOf(record, { event, body })
    if (happening !== null) await tellOf(record, happening)
  }

  const look = async (id: WorkspaceId): Promise<void> => {
    if (listeners.size === 0) return
    const record = await store.getWorkspace(id)
    if (record === null || !listeners.has(record.workspace.creatorId)) return
    for (;;) {
      const after = cursors.get(id)
      // Read before the page: what comes between the two is seen by both.
      const tail = await store.events.tail(id)
      const events = await store.events.ofTypes(id, TYPES, after === undefined ? { after: 0, since: clock.now() - LOOK_BACK_MS, limit: PAGE, newest: true } : { after, limit: PAGE })
      for (const event of events) await happened(record, event)
      const full = after !== undefined && events.length === PAGE
      cursors.set(id, Math.max(after ?? 0, events.at(-1)?.seq ?? 0, full ? 0 : tail))
      if (!full) return
    }
  }

  const lookAtAll = async (): Promise<void> => {
    const since = clock.now() - LOOK_BACK_MS
    const records = await store.listWorkspaces({ deleted: false })
    for (const { workspace } of records) if (Math.max(workspace.updatedAt, workspace.lastActiveAt) >= since) await look(workspace.id)
    const byId = new Map(records.map((record) => [record.workspace.id, record]))
    for (const approval of await store.approvals.list({ all: false })) {
      const record = byId.get(approval.workspaceId)
      if (record !== undefined) await tellOf(record, { kind: 'asked', approval })
    }
  }

  return {
    get listening() { return listeners.size > 0 },
    async refresh() {
      listeners = new Map((await store.notifications.channels()).map(({ userId, channels }) => [userId, channels]))
      if (listeners.size === 0) cursors.clear()
      const now = signatureOf(listeners)
      if (listeners.size > 0 && now !== lookedFor) await lookAtAll()
      lookedFor = now
    },
    look,
  }
}

const signatureOf = (listeners: Listeners): string => JSON.stringify([...listeners].toSorted(([one], [other]) => one.localeCompare(other)))

function happeningOf({ workspace }: WorkspaceRecord, { event, body }: { event: StoredEvent; body: NonNullable<ReturnType<typeof knownBody>> }): Happening | null {
  const { id, at } = event
  if (body.type === 'turn.ended') {
    if (body.outcome === 'interrupted') return null
    return { kind: body.outcome === 'done' ? 'turn-done' : 'failed', id, at, detail: body.message }
  }
  if (body.type === 'report.notice') return { kind: 'told', id, at, title: body.title, detail: body.text }
  if (body.type !== 'workspace.phase') return null
  if (body.phase === 'failed') return { kind: 'failed', id, at, detail: body.statusMessage ?? body.reason }
  // Who stopped it himself need not be told.
  const byItself = workspace.wish.target === 'stopped' && workspace.wish.by !== 'user' && workspace.wish.by !== 'failure'
  return byItself && (body.phase === 'sleeping' || body.phase === 'stopped') ? { kind: 'stopped', id, at, detail: body.reason } : null
}
