/** What the last turn left to review, asked of the machine once when the turn is over. */
import type { Clock, Daemons, WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { messageOf } from '../thrown.ts'

export interface ChangesDeps {
  readonly store: Pick<WorkspaceStore, 'setChanges'>
  readonly daemons: Pick<Daemons, 'call'>
  readonly clock: Clock
  readonly log: (line: string) => void
  /** It can be seen now. */
  changed(id: WorkspaceId): void
}

const WITHIN_MS = 10_000
/** One at a time for a workspace: of several turns that end meanwhile the last one counts. */
export function createChanges(deps: ChangesDeps): { turnEnded(id: WorkspaceId): void } {
  const asking = new Map<WorkspaceId, { again: boolean }>()

  async function ask(id: WorkspaceId): Promise<void> {
    // The numbers alone: of the text there is nothing to keep.
    const { stat } = await deps.daemons.call(id, 'git.diff', { against: 'source', limitBytes: 0 }, { withinMs: WITHIN_MS })
    const sum = (of: 'added' | 'removed'): number => stat.reduce((total, file) => total + file[of], 0)
    await deps.store.setChanges(id, stat.length === 0 ? null : { files: stat.length, added: sum('added'), removed: sum('removed') }, deps.clock.now())
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
    turnEnded(id) {
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
