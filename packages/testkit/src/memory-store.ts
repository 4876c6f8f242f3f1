/**
 * The part of the store that ticks need, in memory, with the same fences and leases. For tests of core that run
 * thousands of ticks; the real store has its own tests, and server tests use it.
 */
import { applyChange, type Charge, type Claim, type MachineRow, type Store, type TickChange, type WorkspaceRecord, type WorkspaceRow } from '@berth/core'
import type { Approval, EventBody, WorkspaceId } from '@berth/wire'

interface Row { record: WorkspaceRecord; fence: number; leaseUntil: number | null; nextTickAt: number; woken: boolean }

type TickStore = Pick<Store, 'getWorkspace' | 'setWish' | 'claimDue' | 'finishTick' | 'saveTick' | 'wake' | 'nextDue'>
export interface MemoryStore extends TickStore {
  readonly approvals: Store['approvals']
  readonly installation: Pick<Store['installation'], 'installation' | 'machines' | 'sighted' | 'forgetSightings'>
  readonly events: readonly { readonly workspaceId: WorkspaceId; readonly body: EventBody }[]
  put(record: WorkspaceRecord, now: number): void
  record(id: WorkspaceId): WorkspaceRecord
  /** All there ever were, in the order in which they came. */
  records(): readonly WorkspaceRecord[]
  /** Hears what a machine is charged for from now on. */
  onCharge(listener: (of: { id: WorkspaceId; generation: number; charge: Charge | null; now: number }) => void): void
  /** What uploads and links write outside of ticks. */
  patch(id: WorkspaceId, change: { workspace?: Partial<WorkspaceRow>; machine?: Partial<MachineRow> }): void
  waiting(approvals: readonly Approval[]): void
  holdReaper(reason: string | null): void
  /** For tests of tests: late writers are believed. */
  forgetFences(): void
}

export function createMemoryStore(installationId: string): MemoryStore {
  const rows = new Map<WorkspaceId, Row>()
  const events: { workspaceId: WorkspaceId; body: EventBody }[] = []
  const sightings = new Map<string, { count: number; firstAt: number }>()
  let approvals: readonly Approval[] = []
  let reaperHeld: string | null = null
  let fenced = true
  let charged: Parameters<MemoryStore['onCharge']>[0] = () => {}

  const rowOf = (id: WorkspaceId): Row => {
    const row = rows.get(id)
    if (row === undefined) throw new Error(`no workspace ${id}`)
    return row
  }
  const write = (claim: Claim, change: Omit<TickChange, 'nextTickAt'>, now: number): 'written' | 'old-fence' | 'wish-moved' => {
    const row = rowOf(claim.workspaceId)
    if (fenced && (row.fence !== claim.fence || row.leaseUntil === null)) return 'old-fence'
    if (change.wish !== undefined && change.wish.expectVersion !== row.record.workspace.wish.version) return 'wish-moved'
    row.record = applyChange(row.record, change, now)
    const { workspaceId: id } = claim
    const { machine, other } = change
    if (machine?.charge !== undefined) charged({ id, generation: row.record.workspace.generation, charge: machine.charge, now })
    if (other?.machine.charge !== undefined) charged({ id, generation: other.generation, charge: other.machine.charge, now })
    for (const body of change.events ?? []) events.push({ workspaceId: claim.workspaceId, body })
    return 'written'
  }
  const unused = (): never => { throw new Error('not part of this store') }

  return {
    events,
    put: (record, now) => void rows.set(record.workspace.id, { record, fence: 0, leaseUntil: null, nextTickAt: now, woken: false }),
    record: (id) => rowOf(id).record,
    records: () => [...rows.values()].map(({ record }) => record),
    onCharge: (listener) => { charged = listener },
    patch(id, { workspace = {}, machine = {} }) {
      const row = rowOf(id)
      row.record = { ...row.record, workspace: { ...row.record.workspace, ...workspace }, machine: row.record.machine === null ? null : { ...row.record.machine, ...machine } }
    },
    waiting: (list) => { approvals = list },
    holdReaper: (reason) => { reaperHeld = reason },
    forgetFences: () => { fenced = false },

    getWorkspace: async (id) => rows.get(id)?.record ?? null,
    async setWish(id, { target, by, reason, expectVersion, unlessActiveSince }, now) {
      const row = rowOf(id)
      const { workspace } = row.record
      if (expectVersion !== undefined && expectVersion !== workspace.wish.version) return null
      if (unlessActiveSince !== undefined && workspace.lastActiveAt > unlessActiveSince) return null
      const wish = { target, by, reason, version: workspace.wish.version + 1, at: now }
      row.record = { ...row.record, workspace: { ...workspace, wish, ...(target === 'running' ? { failure: null } : {}) } }
      Object.assign(row, { nextTickAt: now, woken: true })
      return wish
    },
    async claimDue({ limit, leaseMs }, now) {
      const due = [...rows.values()].filter((row) => row.record.workspace.deletedAt === null && row.nextTickAt <= now && (row.leaseUntil === null || row.leaseUntil <= now)).slice(0, limit)
      return due.map((row) => {
        Object.assign(row, { fence: row.fence + 1, leaseUntil: now + leaseMs, woken: false })
        return { workspaceId: row.record.workspace.id, fence: row.fence }
      })
    },
    async saveTick(claim, change, now) { return write(claim, change, now) === 'written' },
    async finishTick(claim, { nextTickAt, ...change }, now) {
      const outcome = write(claim, change, now)
      const row = rowOf(claim.workspaceId)
      if (outcome === 'old-fence') return false
      Object.assign(row, { leaseUntil: null, nextTickAt: outcome === 'wish-moved' || row.woken ? now : nextTickAt, woken: false })
      return outcome === 'written'
    },
    async wake(id, now) {
      const row = rowOf(id)
      Object.assign(row, { nextTickAt: Math.min(row.nextTickAt, now), woken: true })
    },
    async nextDue() {
      const times = [...rows.values()].filter(({ record }) => record.workspace.deletedAt === null).map(({ nextTickAt, leaseUntil }) => Math.max(nextTickAt, leaseUntil ?? 0))
      return times.length === 0 ? null : Math.min(...times)
    },
    approvals: { list: async () => [...approvals], get: unused, decide: unused, undelivered: unused },
    installation: {
      installation: async () => ({ id: installationId, epoch: 1, reaperHeld }),
      machines: async () => [...rows.values()].flatMap(({ record: { machine, others = [] } }) => [...(machine === null || machine.endedAt !== null ? [] : [machine]), ...others]),
      async sighted(key, now) {
        const before = sightings.get(key)
        const after = { count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? now }
        sightings.set(key, after)
        return after
      },
      async forgetSightings(except) {
        for (const key of sightings.keys()) if (!except.includes(key)) sightings.delete(key)
      },
    },
  }
}
