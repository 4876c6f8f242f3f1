/** Apps of GitHub, sealed under the master key, and setups that are under way. */
import type { GitHubAppKey, GitHubSetup, GitHubStore, KeptGitHubApp } from '@berth/core'
import type { OrgId } from '@berth/wire'
import type { StoreContext } from './context.ts'
import { seal, unseal } from './crypto.ts'
import { createGitHubHooks } from './github-hooks.ts'

/** Bound to its GitHub and its id: a key moved to another row does not open. */
export const subjectOf = (orgId: string, origin: string, appId: number): string => `github-app ${orgId} ${origin} ${appId}`

export function createGitHub(context: StoreContext): GitHubStore {
  const { sql, random, masterKey } = context
  const columns = sql`origin, app_id, slug, name, html_url, added_at, last_used_at`
  const ofSetup = sql`org_id, origin, organization, name, by`
  return {
    ...createGitHubHooks(context),
    list: async (orgId) => sql<KeptGitHubApp[]>`select ${columns} from github_apps where org_id = ${orgId} order by origin`,
    async put({ key, ...app }, now) {
      const row = { ...app, sealed: seal(JSON.stringify(key), { key: masterKey, subject: subjectOf(app.orgId, app.origin, app.appId), random }), addedAt: now }
      const [kept] = await sql<KeptGitHubApp[]>`insert into github_apps ${sql(row)} on conflict (org_id, origin) do update set ${sql(row)} returning ${columns}`
      if (kept === undefined) throw new Error('the row that was just written is not there')
      return kept
    },
    remove: async (orgId, origin) => (await sql`delete from github_apps where org_id = ${orgId} and origin = ${origin}`).count > 0,
    async key(orgId, origin) {
      const [row] = await sql<(KeptGitHubApp & { sealed: string })[]>`select ${columns}, sealed from github_apps where org_id = ${orgId} and origin = ${origin}`
      if (row === undefined) return null
      const { sealed, ...app } = row
      // Written by `put` above, and sealed since.
      return { ...app, key: JSON.parse(unseal(sealed, { key: masterKey, subject: subjectOf(orgId, origin, app.appId) })) as GitHubAppKey }
    },
    async used(orgId, origin, now) { await sql`update github_apps set last_used_at = ${now} where org_id = ${orgId} and origin = ${origin}` },
    async beginSetup(setup) {
      await sql.begin(async (tx) => {
        // The one before is given up: a person has one page open.
        await tx`delete from github_setups where org_id = ${setup.orgId} and origin = ${setup.origin}`
        await tx`insert into github_setups ${tx(setup)}`
      })
    },
    async setup(stateHash, now) {
      const [row] = await sql<(GitHubSetup & { orgId: OrgId })[]>`select ${ofSetup} from github_setups where state_hash = ${stateHash} and expires_at > ${now}`
      return row ?? null
    },
    async takeSetup(stateHash, now) {
      const [row] = await sql<(GitHubSetup & { orgId: OrgId })[]>`delete from github_setups where state_hash = ${stateHash} and expires_at > ${now} returning ${ofSetup}`
      return row ?? null
    },
  }
}
