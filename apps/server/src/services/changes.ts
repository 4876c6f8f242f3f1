/** What is left to review, asked of the machine when a turn is over and when somebody decided about some of it. */
import { listChanges } from '@berth/core'
import type { Clock, Daemons, Store } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { messageOf } from '../thrown.ts'
import { readTrees } from './review-reading.ts'

export interface ChangesDeps {
  readonly store: Pick<Store, 'setChanges' | 'reviews'>
  readonly daemons: Daemons
  readonly clock: Clock
  readonly log: (line: string) => void
  /** It can be seen now. */
  changed(id: WorkspaceId): void
}

/** One at a time for a workspace: of several turns that end meanwhile the last one counts. */
export function createChanges(deps: ChangesDeps): { look(id: WorkspaceId): void } {
  const asking = new Map<WorkspaceId, { again: boolean }>()

  async function ask(id: WorkspaceId): Promise<void> {
    const { reviewedTree } = await deps.store.reviews.get(id)
    // The numbers alone: of the text there is nothing to keep.
    const { raw, stat, answer } = await readTrees(deps, id, { against: reviewedTree, limitBytes: 0 })
    const files = listChanges({ raw, stat })
    const sum = (of: 'added' | 'removed'): number => files.reduce((total, file) => total + file[of], 0)
    await deps.store.setChanges(id, files.length === 0 ? null : { files: Math.max(answer.total, files.length), added: sum('added'), removed: sum('removed') }, deps.clock.now())
    deps.changed(id)
  }

  async function run(id: WorkspaceId, state: { again: boolean }): Promise<void> {
    do {
      state.again = false
      await ask(id).catch((error: unknown) => deps.log(`${id}: what changed is not known: ${messageOf(error)}`))
    } while (state.again)
    asking.delete(id)
  }

  return {
    look(id) {
      const state = asking.get(id)
      if (state !== undefined) {
        state.again = true
        return
      }
      const begun = { again: false }
      asking.set(id, begun)
      run(id, begun).catch((error: unknown) => deps.log(String(error)))
    },
  }
}
