/** A route of the contract: its right from the table, the workspace that its input is about, and its record. */
import { isLevel, ROUTE_RIGHTS } from '@berth/core'
import type { Right, Store } from '@berth/core'
import { ApprovalId, BerthError, WorkspaceId } from '@berth/wire'
import type { RouteName } from '@berth/wire/routes'
import { z } from 'zod'
import type { Caller } from '../http/credentials.ts'
import type { Asker, Gate } from './gate.ts'
import { recorded } from './record.ts'
import type { RecordDeps } from './record.ts'

export interface PermitDeps extends RecordDeps { readonly gate: Gate; readonly store: Pick<Store, 'approvals' | 'audit'> }
export interface RouteCall { readonly caller: Caller; readonly route: string; /** As it came: nobody has looked at it. */ readonly input: unknown }

/** Does the work if they may; a route that the table forgot is nobody's. */
export async function permitted<T>(deps: PermitDeps, { caller, route, input }: RouteCall, work: () => Promise<T>): Promise<T> {
  const right = rightOf(route)
  const workspaceId = isLevel(right) ? await workspaceOf(deps, caller, input) : null
  return recorded(deps, { who: caller, route, input, workspaceId }, async () => {
    await deps.gate.require(caller, right, workspaceId)
    return work()
  })
}

function rightOf(route: string): Right {
  if (!Object.hasOwn(ROUTE_RIGHTS, route)) throw new Error(`the table of rights does not know ${route}`)
  return ROUTE_RIGHTS[route as RouteName]
}

const About = z.object({ id: z.union([WorkspaceId, ApprovalId]) })

async function workspaceOf({ store, gate }: PermitDeps, caller: Asker, input: unknown): Promise<WorkspaceId> {
  const about = About.safeParse(input)
  if (!about.success) throw new BerthError('bad_request', 'id: expected an id like ws_…', { hint: 'correct `id`' })
  const workspace = WorkspaceId.safeParse(about.data.id)
  if (workspace.success) return workspace.data
  const approvalId = ApprovalId.parse(about.data.id)
  const approval = await store.approvals.get(approvalId)
  if (approval === null || (await gate.level(caller, approval.workspaceId)) === null) throw new BerthError('not_found', `there is no approval ${approvalId}`, { hint: 'see `berth approvals`' })
  return approval.workspaceId
}
