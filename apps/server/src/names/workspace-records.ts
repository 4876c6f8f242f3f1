/**
 * A DNS record for each port of a workspace that somebody named, for zones that cannot have a wildcard. Looked over as a
 * whole again and again: what a lost answer or a crash left behind goes with the next look, and so do the records of
 * workspaces that were deleted.
 */
import { isIP } from 'node:net'
import type { Store } from '@berth/core'
import type { PreviewHosts } from '../previews/hosts.ts'
import { labelOf } from '../previews/label.ts'
import { planRecords } from './plan-records.ts'
import type { Cloudflare, NewRecord } from './cloudflare.ts'

export interface WorkspaceRecordsDeps {
  readonly store: Pick<Store, 'listWorkspaces' | 'previews'>
  readonly cloudflare: Cloudflare
  readonly hosts: Pick<PreviewHosts, 'origin'>
  /** The domain that the names stand below. */
  readonly base: string
  /** Where they lead: an address, or the name of the server. */
  readonly target: string
  /** Through the vendor's own proxies, which hide the address and take floods. */
  readonly proxied: boolean
  readonly mark: string
  readonly log: (line: string) => void
}

/** Their own word for "as we see fit", which proxied records have. */
const AUTOMATIC_TTL = 1
const TTL_S = 60

/** One look. Throws what Cloudflare refused; what was done until then stays, and the next look does the rest. */
export async function syncWorkspaceRecords(deps: WorkspaceRecordsDeps, signal: AbortSignal): Promise<{ created: number; removed: number }> {
  const { cloudflare, mark, log } = deps
  // The wish first: a workspace that is made in between is found by the next look, and its record is not there yet.
  const wanted = await wantedRecords(deps)
  const zone = await cloudflare.zoneOf(deps.base, signal)
  const found = await cloudflare.records(zone, { 'name.endswith': `.${deps.base}` }, signal)
  const plan = planRecords(wanted, found, mark)
  for (const name of plan.taken) log(`names: ${name} has a record that is not of this server: it is left as it is`)
  for (const id of plan.remove) await cloudflare.remove(zone, id, signal)
  for (const change of plan.update) await cloudflare.update(zone, change, signal)
  for (const record of plan.create) await cloudflare.create(zone, record, signal)
  if (plan.create.length + plan.remove.length > 0) log(`names: ${plan.create.length} records made, ${plan.remove.length} removed`)
  return { created: plan.create.length, removed: plan.remove.length }
}

async function wantedRecords({ store, hosts, target, proxied, mark }: WorkspaceRecordsDeps): Promise<NewRecord[]> {
  const type = { 0: 'CNAME', 4: 'A', 6: 'AAAA' }[isIP(target) as 0 | 4 | 6] as NewRecord['type']
  const workspaces = (await store.listWorkspaces({ deleted: false })).filter(({ workspace }) => workspace.wish.target !== 'deleted' && workspace.deletedAt === null)
  const rows = await Promise.all(workspaces.map(async ({ workspace }) => {
    const label = await labelOf(store.previews, workspace)
    return (await store.previews.list(workspace.id)).map(({ port }): NewRecord => ({
      type, name: new URL(hosts.origin({ port, label })).hostname, content: target, ttl: proxied ? AUTOMATIC_TTL : TTL_S, proxied, comment: `${mark}${workspace.id}`,
    }))
  }))
  return rows.flat()
}
