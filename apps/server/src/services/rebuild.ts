/** Asks the code again about its machine: it is stopped, made anew and started, and its disk is kept. */
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { publish, reachable } from './code.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord, viewById } from './view.ts'
import { requireCan, startOf } from './workspaces.ts'

/** From what the machine's tree says now, or else from the last save. The reconciler starts it again, so whoever asked may go. */
export async function rebuild(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  const { name, image } = record.workspace
  if (image !== null) throw new BerthError('unsupported', `${name} has the image ${image} because somebody chose it`, { hint: 'stop and start it; or make one without --image' })
  requireCan(deps, record, 'stop')
  if (await reachable(deps, record)) await publish(deps, id)
  const from = (await deps.repositories.resolve(id, HOSTED_REFS.save)) === null ? 'source' : 'save'
  await deps.costLimits.admit(startOf(record), async () => {
    // The wish is known by this time to be a part of a rebuild; see `isRebuilding`.
    const now = deps.clock.now()
    await deps.store.askProjectAgain(id, from, now)
    await deps.store.setWish(id, { target: 'stopped', by: 'user', reason: null }, now)
  })
  deps.poke(id)
  return viewById(deps, id)
}
