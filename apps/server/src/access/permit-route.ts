/** A route of the contract: its right from the table, and the workspace that its input is about. */
import { isLevel, ROUTE_RIGHTS } from '@berth/core'
import type { Right, Store } from '@berth/core'
import { ApprovalId, BerthError, WorkspaceId } from '@berth/wire'
import type { RouteName } from '@berth/wire/routes'
import { z } from 'zod'
import type { Asker, Gate } from './gate.ts'

export interface PermitDeps { readonly gate: Gate; readonly store: Pick<Store, 'approvals'> }

const About = z.object({ id: z.union([WorkspaceId, ApprovalId]) })

/** `input` has not been looked at yet. Throws unless they may; a route that the table forgot is nobody's. */
export async function permitRoute(deps: PermitDeps, { caller, route, input }: { caller: Asker; route: string; input: unknown }): Promise<void> {
  const right = rightOf(route)
  await deps.gate.require(caller, right, isLevel(right) ? await workspaceOf(deps, caller, input) : null)
}

export function rightOf(route: string): Right {
  if (!Object.hasOwn(ROUTE_RIGHTS, route)) throw new Error(`the table of rights does not know ${route}`)
  return ROUTE_RIGHTS[route as RouteName]
}

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
