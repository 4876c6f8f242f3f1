/** Ports that a project declares are declared ports of its workspace. What a person said of one stays. */
import type { Clock, MachineMade, Store } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'

export async function declarePorts({ store, clock }: { store: Pick<Store, 'previews'>; clock: Clock }, id: WorkspaceId, ports: MachineMade['ports']): Promise<void> {
  const known = await store.previews.list(id)
  const hasPrimary = known.some(({ primary }) => primary)
  for (const { port, label, primary } of ports) {
    if (known.some((row) => row.port === port)) continue
    await store.previews.set({ workspaceId: id, port }, { label, ...(primary && !hasPrimary ? { primary } : {}) }, clock.now())
  }
}
