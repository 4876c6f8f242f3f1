/** What GitHub told by webhooks, and who is to be told of checks. */
import type { GitHubStore, PullWatch } from '@berth/core'
import type { OrgId } from '@berth/wire'
import type { StoreContext } from './context.ts'

type Hooks = Pick<GitHubStore, 'withAppId' | 'all' | 'takeDelivery' | 'untaken' | 'hook' | 'noteHook' | 'forgetDeliveries' | 'watch' | 'setWatch' | 'noteTold'>
type HookRow = Awaited<ReturnType<GitHubStore['hook']>>

export function createGitHubHooks({ sql }: StoreContext): Hooks {
  return {
    withAppId: async (appId) => sql<{ orgId: OrgId; origin: string }[]>`select org_id, origin from github_apps where app_id = ${appId} order by org_id, origin`,
    all: async () => sql<{ orgId: OrgId; origin: string; appId: number }[]>`select org_id, origin, app_id from github_apps order by org_id, origin`,
    takeDelivery: async (delivery, now) => (await sql`insert into github_deliveries ${sql({ ...delivery, receivedAt: now })} on conflict do nothing`).count > 0,
    async untaken({ orgId, origin }, guids) {
      if (guids.length === 0) return []
      const rows = await sql<{ guid: string }[]>`select guid from github_deliveries where org_id = ${orgId} and origin = ${origin} and guid in ${sql(guids)}`
      const taken = new Set(rows.map(({ guid }) => guid))
      return guids.filter((guid) => !taken.has(guid))
    },
    async hook({ orgId, origin, appId }) {
      const [row] = await sql<HookRow[]>`select heard_at, caught_up_to from github_hooks where org_id = ${orgId} and origin = ${origin} and app_id = ${appId}`
      return row ?? { heardAt: null, caughtUpTo: null }
    },
    async noteHook({ orgId, origin, appId }, { heardAt = null, caughtUpTo = null }) {
      // Of an app that was replaced nothing is carried over.
      await sql`
        insert into github_hooks as h (org_id, origin, app_id, heard_at, caught_up_to) values (${orgId}, ${origin}, ${appId}, ${heardAt}, ${caughtUpTo}) on conflict (org_id, origin) do update set
          app_id = excluded.app_id,
          heard_at = case when h.app_id = excluded.app_id then greatest(h.heard_at, excluded.heard_at) else excluded.heard_at end,
          caught_up_to = case when h.app_id = excluded.app_id then greatest(h.caught_up_to, excluded.caught_up_to) else excluded.caught_up_to end`
    },
    async forgetDeliveries(before) { await sql`delete from github_deliveries where received_at < ${before}` },
    async watch(id) {
      const [row] = await sql<PullWatch[]>`select tell, by, told from pull_watches where workspace_id = ${id}`
      return row ?? null
    },
    async setWatch(id, { tell, by }) {
      await sql`insert into pull_watches ${sql({ workspaceId: id, tell, by })} on conflict (workspace_id) do update set tell = excluded.tell, by = excluded.by`
    },
    async noteTold(id, told) { await sql`update pull_watches set told = ${told} where workspace_id = ${id}` },
  }
}
