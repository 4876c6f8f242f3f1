/** The reconciler's claims: who looks at which workspace, and writes that a late one cannot make. */
import { type Claim, type TickChange, upsertSteps, type WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { writeCharge } from './costs.ts'
import { cleanText, json } from './json.ts'
import { storedSteps } from './rows.ts'
import { appendEvents, lockStream } from './streams.ts'

export type Ticks = Pick<WorkspaceStore, 'claimDue' | 'releaseClaims' | 'giveBack' | 'finishTick' | 'saveTick' | 'wake' | 'nextDue'>
type Change = Omit<TickChange, 'nextTickAt'>

/** The fence or the wish is not what this tick saw: undo everything it wrote. */
class Refused extends Error {
  readonly wishMoved: boolean
  constructor(wishMoved: boolean) { super('refused'); this.wishMoved = wishMoved }
}

export function createTicks({ sql, ids }: StoreContext): Ticks {
  const write = async (claim: Claim, change: Change & { nextTickAt?: number }, now: number): Promise<'written' | 'old-fence' | 'wish-moved'> => {
    try {
      await sql.begin(async (tx) => {
        if ((change.events ?? []).length > 0) await lockStream(tx, claim.workspaceId)
        await writeTick(tx, claim, { change, now })
        await appendEvents(tx, claim.workspaceId, (change.events ?? []).map((body) => ({ id: ids.event(), at: now, source: 'server', body })))
      })
      return 'written'
    } catch (error) {
      if (error instanceof Refused) return error.wishMoved ? 'wish-moved' : 'old-fence'
      throw error
    }
  }

  return {
    async claimDue({ owner, limit, leaseMs }, now) {
      // NO KEY: a claim must not make writers of events wait, whose rows only point at the workspace.
      return [...await sql<Claim[]>`
        update workspaces set fence = fence + 1, lease_owner = ${owner}, lease_until = ${now + leaseMs}, woken = false
        where id in (
          select id from workspaces where deleted_at is null and next_tick_at <= ${now} and (lease_until is null or lease_until <= ${now})
          order by next_tick_at limit ${limit} for no key update skip locked)
        returning id as workspace_id, fence`]
    },

    async releaseClaims(ownerPrefix, now) {
      await sql`update workspaces set lease_owner = null, lease_until = null, next_tick_at = least(next_tick_at, ${now}) where starts_with(lease_owner, ${ownerPrefix})`
    },

    async giveBack(claims) {
      for (const { workspaceId, fence, nextTickAt } of claims) {
        await sql`
          update workspaces set lease_owner = null, lease_until = null, next_tick_at = case when woken then least(next_tick_at, ${nextTickAt}) else ${nextTickAt} end
          where id = ${workspaceId} and fence = ${fence} and lease_owner is not null`
      }
    },

    async finishTick(claim, change, now) {
      const outcome = await write(claim, change, now)
      if (outcome === 'wish-moved') {
        // Nothing of the change holds any more, and there is a new wish to look at.
        await sql`update workspaces set lease_owner = null, lease_until = null, next_tick_at = ${now} where id = ${claim.workspaceId} and fence = ${claim.fence}`
      }
      return outcome === 'written'
    },

    async saveTick(claim, change, now) {
      return await write(claim, change, now) === 'written'
    },

    async wake(id, now) {
      await sql`update workspaces set next_tick_at = least(next_tick_at, ${now}), woken = true where id = ${id}`
    },

    async nextDue() {
      const [row] = await sql<{ at: number | null }[]>`select min(greatest(next_tick_at, coalesce(lease_until, 0))) as at from workspaces where deleted_at is null`
      return row?.at ?? null
    },
  }
}

interface TickWrite { readonly change: Change & { nextTickAt?: number }; readonly now: number }
interface Held { readonly generation: number; readonly provider: string; readonly wishVersion: number; readonly woken: boolean; readonly steps: unknown }

async function writeTick(tx: Transaction, claim: Claim, { change, now }: TickWrite): Promise<void> {
  const id = claim.workspaceId
  const [held] = await tx<Held[]>`
    select generation, provider, wish_version, woken, steps from workspaces
    where id = ${id} and fence = ${claim.fence} and lease_owner is not null for no key update`
  if (held === undefined) throw new Refused(false)
  if (change.wish !== undefined && change.wish.expectVersion !== held.wishVersion) throw new Refused(true)
  const ended = change.nextTickAt === undefined ? {} : { leaseOwner: null, leaseUntil: null, woken: false, nextTickAt: held.woken ? now : change.nextTickAt }
  const wish = change.wish === undefined ? {} : {
    wishTarget: change.wish.target, wishBy: change.wish.by, wishVersion: held.wishVersion + 1, wishReason: change.wish.reason, wishAt: now,
  }
  await tx`update workspaces set ${tx(columns({ ...workspaceColumns(tx, change.workspace ?? {}, held), ...ended, ...wish, updatedAt: now }))} where id = ${id}`
  if (change.machine !== undefined) {
    await writeMachine(tx, { id, generation: change.workspace?.generation ?? held.generation, provider: change.workspace?.provider ?? held.provider }, { machine: change.machine, now })
  }
  await writeOther(tx, id, { other: change.other, now })
  if (typeof change.workspace?.deletedAt === 'number') await forgetCredentials(tx, id)
}

/** The driver's type wants each value to be one it knows; ours are checked where the change was made. */
const columns = (values: object) => values as Record<string, never>

function workspaceColumns(tx: Transaction, { failure, steps, saved, reported, statusMessage, move, restore, ...plain }: NonNullable<Change['workspace']>, held: Held): object {
  return {
    ...plain,
    ...(failure === undefined ? {} : { failure: json(tx, failure) }),
    ...(move === undefined ? {} : { move: json(tx, move) }),
    ...(restore === undefined ? {} : { restore: json(tx, restore) }),
    ...(saved === undefined ? {} : { saved: json(tx, saved) }),
    ...(reported === undefined ? {} : { reported: json(tx, reported) }),
    ...(statusMessage === undefined ? {} : { statusMessage: statusMessage === null ? null : cleanText(statusMessage) }),
    ...(steps === undefined ? {} : { steps: json(tx, upsertSteps(storedSteps(held.steps), steps)) }),
  }
}

interface MachineKey { readonly id: WorkspaceId; readonly generation: number; readonly provider: string }
async function writeMachine(tx: Transaction, { id, generation, provider }: MachineKey, { machine, now }: { machine: NonNullable<Change['machine']>; now: number }): Promise<void> {
  await tx`
    insert into machines ${tx({ workspaceId: id, generation, provider, observed: tx.json({ state: 'absent' }), createdAt: now })}
    on conflict (workspace_id, generation) do nothing`
  if (machine.charge !== undefined) await writeCharge(tx, { id, generation, provider }, { charge: machine.charge, now })
  const changed = machineColumns(tx, machine)
  if (Object.keys(changed).length === 0) return
  await tx`update machines set ${tx(columns(changed))} where workspace_id = ${id} and generation = ${generation}`
}

/** One that is there already. */
async function writeOther(tx: Transaction, id: WorkspaceId, { other, now }: { other: Change['other']; now: number }): Promise<void> {
  if (other === undefined) return
  const { generation, machine } = other
  const [row] = await tx<{ provider: string }[]>`update machines set ${tx(columns(machineColumns(tx, machine)))} where workspace_id = ${id} and generation = ${generation} returning provider`
  if (row !== undefined && machine.charge !== undefined) await writeCharge(tx, { id, generation, provider: row.provider }, { charge: machine.charge, now })
}

function machineColumns(tx: Transaction, { ref, poll, observed, ...plain }: NonNullable<Change['machine']>): object {
  const { charge: _, ...row } = plain
  return {
    ...row,
    ...(ref === undefined ? {} : { ref: json(tx, ref) }), ...(poll === undefined ? {} : { poll: json(tx, poll) }),
    ...(observed === undefined ? {} : { observed: json(tx, observed) }),
  }
}

async function forgetCredentials(tx: Transaction, id: WorkspaceId): Promise<void> {
  await tx`delete from workspace_secrets where workspace_id = ${id}`
  await tx`delete from boot_tokens where workspace_id = ${id}`
  await tx`delete from link_tokens where workspace_id = ${id}`
  await tx`delete from workspace_grants where workspace_id = ${id}`
  await tx`delete from viewers where workspace_id = ${id}`
}
