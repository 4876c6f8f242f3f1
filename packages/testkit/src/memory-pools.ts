/** Pools of prepared workspaces on the memory store, by the rules of the real one: each call happens whole or not at all. */
import { billedMicros, monthAt, type Charge, type NewWorkspace, type Pool, type PoolStore, type WorkspaceRecord } from '@berth/core'
import type { PoolId, WorkspaceId } from '@berth/wire'
import type { MemoryStore } from './memory-store.ts'
import { workspaceRow } from './workspace-row.ts'

interface Interval { readonly id: WorkspaceId; readonly generation: number; readonly pool: PoolId | null; readonly since: number; until: number | null; readonly price: Charge['price'] }

/** `nextId`: of what is made next, in place of the one that its maker drew, so that a seed is one life. */
export function createMemoryPools(store: MemoryStore, nextId: () => WorkspaceId): PoolStore {
  const pools = new Map<PoolId, Pool>()
  const intervals: Interval[] = []
  const all = (): WorkspaceRecord[] => store.records().filter(({ workspace: { pool, deletedAt } }) => pool?.takenAt === null && deletedAt === null)
  const poolOf = (id: WorkspaceId): PoolId | null => {
    const { pool } = store.record(id).workspace
    return pool?.takenAt === null ? pool.id : null
  }
  const endCharge = (id: WorkspaceId, { generation, at }: { generation: number; at: number }): void => {
    for (const each of intervals) if (each.id === id && each.generation === generation && each.until === null) each.until = Math.max(each.since, at)
  }
  store.onCharge(({ id, generation, charge, now }) => {
    endCharge(id, { generation, at: charge?.since ?? now })
    if (charge !== null) intervals.push({ id, generation, pool: poolOf(id), since: charge.since, until: null, price: charge.price })
  })
  return {
    list: async () => [...pools.values()],
    async put(pool, now) {
      const same = [...pools.values()].find(({ url, provider }) => url === pool.url && provider === pool.provider)
      const made: Pool = { ...pool, id: same?.id ?? (`pool_${String(pools.size + 1).padStart(12, '0')}` as PoolId), retryAt: 0, problem: null, createdAt: same?.createdAt ?? now }
      pools.set(made.id, made)
      return made
    },
    remove: async (_, id) => pools.delete(id),
    async note(id, note) {
      const pool = pools.get(id)
      if (pool !== undefined) pools.set(id, { ...pool, ...note })
    },
    members: async () => all(),
    async add(id, row, atMost, now) {
      if (!pools.has(id) || all().filter(({ workspace }) => workspace.pool?.id === id && workspace.wish.target !== 'deleted').length >= atMost) return null
      const record: WorkspaceRecord = { workspace: { ...ofRow(row, now), id: nextId(), pool: { id, takenAt: null } }, machine: null }
      store.put(record, now)
      return record
    },
    async take(id, row, now) {
      const ready = all().find(({ workspace, machine }) => workspace.pool?.id === id && workspace.wish.target === 'running' && workspace.failure === null && workspace.readyAt !== null && machine !== null && machine.linkedAt !== null && machine.endedAt === null)
      if (ready === undefined) return null
      const { workspace, machine } = ready
      const open = intervals.findLast((each) => each.id === workspace.id && each.generation === workspace.generation && each.until === null)
      endCharge(workspace.id, { generation: workspace.generation, at: now })
      if (open !== undefined) intervals.push({ ...open, pool: null, since: open.until ?? now, until: null })
      store.patch(workspace.id, { workspace: { ...ofRow(row, now), id: workspace.id, generation: workspace.generation, steps: workspace.steps, startedAt: workspace.startedAt, pool: { id, takenAt: now }, wish: { ...workspace.wish, version: workspace.wish.version + 1, by: 'user', at: now } }, machine: machine ?? {} })
      await store.wake(workspace.id, now)
      return store.record(workspace.id)
    },
    async end(member, reason, now) {
      const found = all().find(({ workspace }) => workspace.id === member)
      if (found === undefined || found.workspace.wish.target === 'deleted') return false
      await store.setWish(member, { target: 'deleted', by: 'budget', reason }, now)
      return true
    },
    async monthMicros(id, at) {
      const { from } = monthAt(at)
      const ofPool = intervals.filter(({ pool, until }) => pool === id && (until === null || until > from))
      return ofPool.reduce((sum, one) => sum + billedMicros(one, one.until ?? Math.max(one.since, at)) - billedMicros(one, Math.max(one.since, from)), 0)
    },
  }
}

const ofRow = ({ orgId, creatorId, name, source, repository, branch, provider, resources, agent, autoStopMs }: NewWorkspace, now: number): WorkspaceRecord['workspace'] =>
  workspaceRow({ orgId, creatorId, name, source, repository, branch, provider, resources, agent, autoStopMs, createdAt: now, updatedAt: now, lastActiveAt: now, wish: { target: 'running', by: 'user', version: 1, reason: null, at: now } })
