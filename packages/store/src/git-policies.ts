/** What each workspace may do at git hosts, where somebody changed it. */
import type { GitPolicyStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import { GitPolicy } from '@berth/wire/git-policy'
import type { StoreContext } from './context.ts'
import { json } from './json.ts'

export function createGitPolicies({ sql }: StoreContext): GitPolicyStore {
  return {
    async get(workspaceId) {
      const [row] = await sql<{ policy: unknown }[]>`select policy from git_policies where workspace_id = ${workspaceId}`
      const read = GitPolicy.safeParse(row === undefined ? {} : row.policy)
      if (read.success) return read.data
      // The default may allow more.
      throw new BerthError('config_invalid', 'what this workspace may do at git hosts cannot be read', { hint: 'set it anew with `berth git-access`', cause: read.error })
    },
    async put(workspaceId, policy, now) {
      const written = json(sql, GitPolicy.parse(policy))
      await sql`
        insert into git_policies (workspace_id, policy, updated_at) values (${workspaceId}, ${written}, ${now})
        on conflict (workspace_id) do update set policy = excluded.policy, updated_at = excluded.updated_at`
    },
  }
}
