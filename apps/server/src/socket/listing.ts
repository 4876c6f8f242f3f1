/**
 * The list, and each workspace and question of it again when it has changed. One worker reads for all pages, one thing
 * after the other, so that what is sent later was read later. It looks only at what it was told of, and as often as
 * somebody can see it.
 */
import type { Identity } from '@berth/core'
import type { Approval, ApprovalId, Workspace, WorkspaceId } from '@berth/wire'
import type { ToPage } from '@berth/wire/live'
import { createBell } from '../loops/bell.ts'
import type { Outlet } from './outlet.ts'
import { messageOf } from '../thrown.ts'

export interface ListingDeps {
  /** What this person sees. */
  list(identity: Identity): Promise<Workspace[]>
  /** Null: there is none of that name. */
  view(id: WorkspaceId, needsYou: number): Promise<Workspace | null>
  /** Those that wait. */
  waiting(id: WorkspaceId | null): Promise<Approval[]>
  approval(id: ApprovalId): Promise<Approval | null>
  /** Does any page show it, or could it? */
  isShown(id: WorkspaceId): boolean
  /** The pages that show it, of people who may see it. */
  audience(id: WorkspaceId): Promise<readonly Outlet[]>
  /** Every page that shows lists. */
  readers(): readonly (readonly [Outlet, Identity])[]
  readonly log: (line: string) => void
  now(): number
}
export interface Listing {
  /** Sends the whole list to this page as soon as may be. */
  send(outlet: Outlet, identity: Identity): void
  changed(id: WorkspaceId): void
  /** What changes by time alone: why a machine is still on, and until when. */
  lookAgain(): void
  forget(outlet: Outlet): void
  stop(): Promise<void>
}

/** Faster than a person sees; slower than an agent writes. */
const PACE_MS = 100
/** What every event moves. Where nothing else did, pages hear of it this often: they have the events themselves. */
const MOVED: Partial<Workspace> = { tail: 0, lastActiveAt: 0, updatedAt: 0 }
const MOVED_PACE_MS = 1000
const AFTER_ERROR_MS = 1000
const IDLE_MS = 60_000
/** Read at once; the rest is next. */
const BATCH = 32

export function createListing(deps: ListingDeps): Listing {
  const bell = createBell()
  const dirty = new Set<WorkspaceId>()
  const wanting = new Map<Outlet, Identity>()
  let stopped = false

  const questions = createQuestions(deps)
  const sent = createSent(deps.now, (id) => {
    dirty.add(id)
    bell.ring()
  })

  async function whole(): Promise<void> {
    const readers = [...wanting]
    wanting.clear()
    try {
      for (const { outlets, workspaces, approvals } of await lists(deps, readers)) {
        // Other pages may not have these yet as they are now: the next look tells everybody.
        for (const workspace of workspaces) sent.known(workspace)
        questions.known(approvals)
        tell(outlets, { type: 'list', workspaces, approvals, now: deps.now() })
      }
    } catch (error) {
      for (const [outlet, identity] of readers) wanting.set(outlet, identity)
      throw error
    }
  }

  async function one(id: WorkspaceId): Promise<void> {
    if (!deps.isShown(id)) {
      sent.forget(id)
      return
    }
    const waiting = await deps.waiting(id)
    const workspace = await deps.view(id, waiting.length)
    if (workspace === null) {
      // Shown until now: it was taken off the web, and the list is what a page forgets by.
      if (sent.forget(id)) for (const [outlet, identity] of deps.readers()) wanting.set(outlet, identity)
      return
    }
    const audience = await deps.audience(id)
    sent.tell(workspace, audience)
    await questions.look({ id, audience }, waiting)
  }

  async function changes(): Promise<void> {
    const ids = [...dirty].slice(0, BATCH)
    for (const id of ids) dirty.delete(id)
    try {
      await Promise.all(ids.map(one))
    } catch (error) {
      for (const id of ids) dirty.add(id)
      throw error
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await bell.wait(dirty.size > 0 || wanting.size > 0 ? 0 : IDLE_MS)
      if (stopped) return
      try {
        if (wanting.size > 0) await whole()
        if (dirty.size > 0) await changes()
        await Bun.sleep(PACE_MS)
      } catch (error) {
        deps.log(`socket: the list: ${messageOf(error)}`)
        await Bun.sleep(AFTER_ERROR_MS)
      }
    }
  }
  const running = run()

  return {
    send(outlet, identity) {
      wanting.set(outlet, identity)
      bell.ring()
    },
    changed(id) {
      if (dirty.has(id) || !deps.isShown(id)) return
      dirty.add(id)
      bell.ring()
    },
    lookAgain() {
      for (const id of sent.awake()) dirty.add(id)
      if (dirty.size > 0) bell.ring()
    },
    forget: (outlet) => void wanting.delete(outlet),
    async stop() {
      stopped = true
      sent.stop()
      bell.ring()
      await running
    },
  }
}

function tell(outlets: readonly Outlet[], message: ToPage): void {
  const text = JSON.stringify(message)
  for (const outlet of outlets) outlet.sendText(text)
}

/** One list for each person, whatever number of pages they have open. */
async function lists(deps: ListingDeps, readers: readonly (readonly [Outlet, Identity])[]): Promise<{ outlets: Outlet[]; workspaces: Workspace[]; approvals: Approval[] }[]> {
  const waiting = await deps.waiting(null)
  const people = Map.groupBy(readers, ([, { userId, orgId }]) => `${userId} ${orgId}`)
  return Promise.all([...people.values()].map(async (same) => {
    const identity = same[0]?.[1]
    const workspaces = identity === undefined ? [] : await deps.list(identity)
    const seen = new Set(workspaces.map(({ id }) => id))
    return { outlets: same.map(([outlet]) => outlet), workspaces, approvals: waiting.filter(({ workspaceId }) => seen.has(workspaceId)) }
  }))
}

/** Workspaces as pages were told of them last. `again`: look at it now, it was told too little. */
function createSent(now: () => number, again: (id: WorkspaceId) => void) {
  /** `looks`: without what every event moves. */
  const sent = new Map<WorkspaceId, { readonly json: string; readonly looks: string; readonly at: number; readonly awake: boolean }>()
  const moved = new Map<WorkspaceId, Timer>()

  function tellLater(id: WorkspaceId, afterMs: number): void {
    if (moved.has(id)) return
    moved.set(id, setTimeout(() => {
      moved.delete(id)
      again(id)
    }, afterMs))
  }

  return {
    known(workspace: Workspace): void {
      if (!sent.has(workspace.id)) sent.set(workspace.id, { json: '', looks: '', at: 0, awake: isAwake(workspace) })
    },
    tell(workspace: Workspace, audience: readonly Outlet[]): void {
      const { id } = workspace
      const before = sent.get(id)
      const json = JSON.stringify(workspace)
      if (before?.json === json) return
      const looks = JSON.stringify({ ...workspace, ...MOVED })
      const restMs = before?.looks === looks ? before.at + MOVED_PACE_MS - now() : 0
      if (restMs > 0) return tellLater(id, Math.min(restMs, MOVED_PACE_MS))
      tell(audience, { type: 'workspace', workspace })
      if (workspace.phase === 'deleted') sent.delete(id)
      else sent.set(id, { json, looks, at: now(), awake: isAwake(workspace) })
    },
    /** False: pages were not told of it. */
    forget: (id: WorkspaceId): boolean => sent.delete(id),
    awake: (): WorkspaceId[] => [...sent].flatMap(([id, { awake }]) => (awake ? [id] : [])),
    stop(): void {
      for (const timer of moved.values()) clearTimeout(timer)
    },
  }
}

/** Questions that are not over, as they were sent last. */
function createQuestions(deps: Pick<ListingDeps, 'approval'>) {
  const open = new Map<ApprovalId, { readonly workspaceId: WorkspaceId; readonly json: string }>()
  return {
    known(approvals: readonly Approval[]): void {
      for (const { approvalId, workspaceId } of approvals) if (!open.has(approvalId)) open.set(approvalId, { workspaceId, json: '' })
    },
    async look({ id, audience }: { id: WorkspaceId; audience: readonly Outlet[] }, waiting: readonly Approval[]): Promise<void> {
      const stillOpen = new Set(waiting.map(({ approvalId }) => approvalId))
      const left = [...open].filter(([approvalId, { workspaceId }]) => workspaceId === id && !stillOpen.has(approvalId)).map(([approvalId]) => approvalId)
      const answered = (await Promise.all(left.map((approvalId) => deps.approval(approvalId)))).filter((approval) => approval !== null)
      for (const approval of [...waiting, ...answered]) {
        const json = JSON.stringify(approval)
        if (open.get(approval.approvalId)?.json !== json) tell(audience, { type: 'approval', approval })
        if (approval.state === 'applied' || approval.state === 'superseded') open.delete(approval.approvalId)
        else open.set(approval.approvalId, { workspaceId: id, json })
      }
    },
  }
}

const isAwake = ({ phase }: Workspace): boolean => phase !== 'stopped' && phase !== 'sleeping' && phase !== 'failed'
