/** Code of a person's machine brought to a workspace that runs. The commit goes to the hosted repository first (`HOSTED_REFS.push`). */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { PushOutcome, PushStrategy } from './sync-methods.ts'

export { PushOutcome, PushStrategy, syncMethods } from './sync-methods.ts'

/** Spread into `api`. */
export const syncApi = {
  /**
   * Puts what was pushed on the workspace's tree by a three-way comparison with what was sent last: all of it, or nothing.
   * Refuses with `conflict`, whose details name `files` (at most 200, with `total`), what both sides changed.
   */
  pushCode: oc.route({ method: 'POST', path: '/workspaces/{id}/push', summary: 'Bring pushed commits and uncommitted work to the running workspace', tags: ['code'] })
    .input(z.object({ id: WorkspaceId, commit: z.string().regex(/^[0-9a-f]{40}$/), strategy: PushStrategy.default('refuse') })).output(PushOutcome),
}
