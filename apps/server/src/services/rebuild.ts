/** Asks the code again about its machine. The machine is made anew at the next start; its disk is kept. */
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { publish, reachable } from './code.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { wish } from './workspaces.ts'

/** From what the machine's tree says now, or else from the last save; whoever asked starts it when it has stopped. */
export async function rebuild(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  const { name, image } = record.workspace
  if (image !== null) throw new BerthError('unsupported', `${name} has the image ${image} because somebody chose it`, { hint: 'stop and start it; or make one without --image' })
  if (await reachable(deps, record)) await publish(deps, id)
  const saved = await deps.repositories.resolve(id, HOSTED_REFS.save)
  await deps.store.askProjectAgain(id, saved === null ? 'source' : 'save', deps.clock.now())
  return wish(deps, id, 'stopped')
}
