/**
 * Brings a saved state from its machine to where it is kept. Nothing is held but in the table: whoever looks goes on with
 * it, after a crash too. It counts when what is kept was read again and is what the machine says it sent.
 */
import { isResting } from '@berth/core'
import type { Clock, Daemons, Moves, SavedRow, SavedStore, Store, WorkspaceRecord } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { SavedId, WorkspaceId } from '@berth/wire'
import type { SavedKind } from '@berth/wire/saved'
import { createLooks } from './look-saved.ts'
import { manifestOf } from './manifest.ts'
import type { StateBytes } from './state-bytes.ts'

export interface SavingDeps {
  readonly store: Pick<Store, 'getWorkspace' | 'sessions' | 'wake' | 'egress' | 'gitPolicies'> & { readonly saved: SavedStore }
  readonly daemons: Pick<Daemons, 'connected' | 'call'>
  readonly bytes: StateBytes
  readonly clock: Clock
  readonly poke: () => void
  readonly log: (line: string) => void
}
export interface StateSaving extends Moves {
  /** Begins a backup, and goes on with it by itself. */
  start(record: WorkspaceRecord, as: { kind: SavedKind; name: string | null; expiresAt: number | null; by: SavedRow['createdBy'] }): Promise<SavedRow>
  /** What a machine sends. */
  receive(workspaceId: WorkspaceId, id: SavedId, request: Request): Promise<Response>
  /** What a machine begins with. */
  give(workspaceId: WorkspaceId, id: SavedId): Promise<Response>
  /** Goes on with what an earlier server began. */
  resume(): Promise<void>
  /** Removes what has come to its end. */
  collect(): Promise<void>
  stop(): Promise<void>
}

const LOOK_MS = 500
/** Of a move: nobody asks for it later, but its machine may come up late. */
const KEEP_MOVED_MS = 24 * 3600_000
const PART_MS = 24 * 3600_000

export function createSaving(deps: SavingDeps): StateSaving {
  const { store, bytes, clock, log } = deps
  const driven = new Map<SavedId, Promise<void>>()
  const stopping = new AbortController()

  const add = async (record: WorkspaceRecord, id: SavedId, as: Pick<SavedRow, 'kind' | 'name' | 'expiresAt' | 'createdBy'>): Promise<void> => {
    const { workspace } = record
    const sessions = (await store.sessions.list([workspace.id])).get(workspace.id) ?? []
    const policies = { egress: await store.egress.policy(workspace.id) ?? undefined, git: await store.gitPolicies.get(workspace.id) }
    await store.saved.add({
      id, orgId: workspace.orgId, workspaceId: workspace.id, workspaceName: workspace.name, repository: workspace.repository, place: bytes.place,
      manifest: manifestOf(workspace, sessions, policies), createdAt: clock.now(), ...as,
    })
  }

  const { look } = createLooks(deps, stopping.signal)

  /** Of a backup: at a moment at which its agents rest. */
  const drive = async (id: SavedId): Promise<void> => {
    for (let begun = false; !stopping.signal.aborted;) {
      const row = await store.saved.get(id)
      if (row?.state !== 'saving') return
      const record = await store.getWorkspace(row.workspaceId)
      if (record === null || record.workspace.wish.target !== 'running' || (record.workspace.move ?? null) !== null) {
        await store.saved.failed(row.id, 'its machine was stopped or is being moved')
        return
      }
      if (begun || isResting(record.workspace.agentState)) {
        begun = true
        if ((await look(id)).state !== 'saving') return
      } else await store.saved.note(id, 'waits for the end of the turn')
      await Bun.sleep(LOOK_MS)
    }
  }
  const driveOnce = (id: SavedId): void => {
    if (driven.has(id)) return
    const work = drive(id).catch((error: unknown) => { log(`${id}: ${String(error)}`) }).finally(() => driven.delete(id))
    driven.set(id, work)
  }

  return {
    newId: () => randomIds.saved(),
    begin: (record, id) => add(record, id, { kind: 'move', name: null, expiresAt: clock.now() + KEEP_MOVED_MS, createdBy: record.workspace.move?.askedBy ?? record.workspace.creatorId }),
    look: (_, id) => look(id),
    async start(record, { kind, name, expiresAt, by }) {
      const id = randomIds.saved()
      await add(record, id, { kind, name, expiresAt, createdBy: by })
      driveOnce(id)
      const row = await store.saved.get(id)
      if (row === null) throw new BerthError('internal', `${id} was written and cannot be read`)
      return row
    },
    async receive(workspaceId, id, request) {
      const row = await store.saved.get(id)
      if (row === null || row.workspaceId !== workspaceId || row.state !== 'saving' || request.body === null) throw new BerthError('not_found', 'nobody asks for that state')
      await bytes.receive(id, row.manifest, request.body as AsyncIterable<Uint8Array>, request.signal)
      return Response.json({ kept: true })
    },
    async give(workspaceId, id) {
      const record = await store.getWorkspace(workspaceId)
      const { restore, generation } = record?.workspace ?? {}
      const row = await store.saved.get(id)
      if (row?.state !== 'verified' || restore?.savedId !== id || restore.generation !== generation) throw new BerthError('not_found', 'this machine does not begin with that state')
      return new Response(streamOf(await bytes.give(id)), { headers: { 'content-type': 'application/octet-stream' } })
    },
    async resume() {
      for (const row of await store.saved.list({ state: 'saving' })) if (row.kind !== 'move') driveOnce(row.id)
    },
    async collect() {
      const now = clock.now()
      for (const row of await store.saved.over(now)) {
        if (row.state !== 'removed' && !(await store.saved.remove(row.id))) continue
        await bytes.remove(row.id)
        await store.saved.forget(row.id)
        log(`${row.id}: the ${row.kind} of ${row.workspaceName} is gone`)
      }
      await bytes.tidy(Date.now() - PART_MS)
    },
    async stop() {
      stopping.abort(new DOMException('the server stops', 'AbortError'))
      await Promise.all(driven.values())
    },
  }
}

function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const from = source[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await from.next()
      if (next.done === true) controller.close()
      // A copy of its own: whoever sends it gives its memory back.
      else controller.enqueue(new Uint8Array(next.value))
    },
    async cancel() { await from.return?.() },
  }, { highWaterMark: 0 })
}
