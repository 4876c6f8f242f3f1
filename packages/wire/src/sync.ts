/** Code of a person's machine brought to a workspace that runs. The commit goes to the hosted repository first (`HOSTED_REFS.push`). */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { Workspace } from './workspace.ts'
import { PushOutcome, PushStrategy, UpdateOutcome } from './sync-methods.ts'

export { PushOutcome, PushStrategy, syncMethods, UpdateOutcome } from './sync-methods.ts'

/** Spread into `api`. */
export const syncApi = {
  /**
   * Puts what was pushed on the workspace's tree by a three-way comparison with what was sent last: all of it, or nothing.
   * Refuses with `conflict`, whose details name `files` (at most 200, with `total`), what both sides changed.
   */
  pushCode: oc.route({ method: 'POST', path: '/workspaces/{id}/push', summary: 'Bring pushed commits and uncommitted work to the running workspace', tags: ['code'] })
    .input(z.object({ id: WorkspaceId, commit: z.string().regex(/^[0-9a-f]{40}$/), strategy: PushStrategy.default('refuse') })).output(PushOutcome),
  /** Null: its code came from no branch of a url. */
  checkOrigin: oc.route({ method: 'POST', path: '/workspaces/{id}/origin', summary: 'Ask the origin whether its branch has moved', tags: ['code'] }).input(z.object({ id: WorkspaceId })).output(z.object({ origin: Workspace.shape.origin.unwrap() })),
  /** Fast-forwards, or rebases what the workspace committed. Refused while a turn runs, with uncommitted changes, or where it does not fit; then nothing is touched. */
  updateFromOrigin: oc.route({ method: 'POST', path: '/workspaces/{id}/update', summary: 'Bring what is new at the origin to the workspace', tags: ['code'] }).input(z.object({ id: WorkspaceId })).output(UpdateOutcome),
}
