/** What the world knows in the forms of the published description; the rest of each form is filled with its emptiest values. */
import { filled, filledIn } from './spec/description.ts'
import type { Account, App, Check, Delivery, Installation, Pull, Repository, Role, Status, Token } from './model.ts'
import { hash, nodeId } from './world.ts'

type Shape = Record<string, unknown>
export interface Addresses { readonly web: string; readonly api: string }

export function createShapes({ web, api }: Addresses) {
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
  const user = ({ id, login, type }: Account): Shape => filled('simple-user', { id, login, type, node_id: nodeId('U', id), html_url: `${web}/${encodeURIComponent(login)}`, url: `${api}/users/${encodeURIComponent(login)}`, avatar_url: `${web}/${encodeURIComponent(login)}.png`, site_admin: false, gravatar_id: '' })
  const bare = (of: Repository): Shape => {
    const fullName = `${of.owner.login}/${of.name}`
    return {
      id: of.id, node_id: nodeId('R', of.id), name: of.name, full_name: fullName, owner: user(of.owner), private: of.private, default_branch: of.defaultBranch, html_url: `${web}/${fullName}`, url: `${api}/repos/${fullName}`,
      clone_url: `${web}/${fullName}.git`, git_url: `${web}/${fullName}.git`, ssh_url: `git@${new URL(web).hostname}:${fullName}.git`, visibility: of.private ? 'private' : 'public', fork: false, archived: false, disabled: false, description: null,
    }
  }
  const app = (of: App): Shape => filled('integration', { id: of.id, slug: of.slug, node_id: nodeId('A', of.id), client_id: of.clientId, owner: user(of.owner), name: of.name, description: null, external_url: web, html_url: `${web}/apps/${of.slug}`, permissions: { ...of.permissions }, events: [...of.events] })
  const pull = (name: string, { of, pull: given, shas }: { of: Repository; pull: Pull; shas: { head: string; base: string } }): Shape => {
    const fullName = `${of.owner.login}/${of.name}`
    const url = `${api}/repos/${fullName}/pulls/${given.number}`
    const side = (ref: string, sha: string): Shape => ({ label: `${of.owner.login}:${ref}`, ref, sha, repo: filled('repository', bare(of)), user: user(of.owner) })
    const author = { id: 1, login: given.author, type: 'User' as const, name: null, emails: [] }
    return filled(name, {
      id: given.id, node_id: nodeId('P', given.id), number: given.number, title: given.title, body: given.body, state: given.state, draft: given.draft, locked: false, url, html_url: `${web}/${fullName}/pull/${given.number}`,
      user: user(author), head: side(given.head, shas.head), base: side(given.base, shas.base), merged_at: given.mergedAt === null ? null : time(given.mergedAt), created_at: time(given.createdAt), updated_at: time(given.createdAt), closed_at: null, author_association: 'NONE',
      ...(name === 'pull-request' ? { merged: given.mergedAt !== null, mergeable: true, mergeable_state: 'clean' } : {}),
    })
  }
  return {
    user, app, pull, time,
    me: (of: Account): Shape => filled('private-user', { ...user(of), name: of.name, email: null }),
    repository: (name: 'full-repository' | 'repository' | 'minimal-repository' | 'repository-webhooks', of: Repository): Shape => filled(name, bare(of)),
    /** Of a push, where times are numbers. */
    pushed: (of: Repository): Shape => filledIn('webhook-push', 'repository', { ...bare(of), created_at: 1_577_836_800, pushed_at: 1_577_836_800 }),
    searched: (of: Repository): Shape => filled('repo-search-result-item', { ...bare(of), score: 1 }),
    installation: (of: Installation, admin: Account | null): Shape => filled('installation', {
      id: of.id, app_id: of.app.id, app_slug: of.app.slug, target_id: of.account.id, target_type: of.account.type, account: user(of.account), repository_selection: of.repositories === 'all' ? 'all' : 'selected',
      permissions: { ...of.permissions }, events: [...of.app.events], html_url: `${web}/settings/installations/${of.id}`, access_tokens_url: `${api}/app/installations/${of.id}/access_tokens`, repositories_url: `${api}/installation/repositories`,
      suspended_at: of.suspendedAt === null ? null : time(of.suspendedAt), suspended_by: of.suspendedAt === null || admin === null ? null : user(admin), single_file_name: null,
    }),
    checkRun: (of: Repository, sha: string, { id, name, status, conclusion, summary }: Check, form: 'check-run' | 'check-run-with-simple-check-suite' = 'check-run'): Shape => filled(form, {
      id, name, status, conclusion, head_sha: sha, node_id: nodeId('C', id), external_id: '', ...(form === 'check-run' ? { check_suite: null } : {}), app: null, pull_requests: [], html_url: `${web}/${of.owner.login}/${of.name}/runs/${id}`, details_url: `${web}/${of.owner.login}/${of.name}/runs/${id}`,
      output: { title: name, summary, text: null, annotations_count: 0, annotations_url: `${api}/check-runs/${id}/annotations` },
    }),
    status: ({ id, context, state, description }: Status): Shape => filled('simple-commit-status', { id, context, state, description, node_id: nodeId('S', id) }),
    /** Of the commit that it is about, as the webhook tells it. */
    statusTold: (of: Repository, sha: string, { context, state, description }: Omit<Status, 'id'>, { id, at }: { id: number; at: number }): Shape => {
      const made = filledIn('webhook-status', 'commit', { sha })
      const commit = made['commit'] as Shape
      const by = { name: 'Octo', email: 'octo@example.org', date: time(at) }
      return filled('webhook-status', { id, sha, name: `${of.owner.login}/${of.name}`, context, state, description, target_url: null, branches: [], created_at: time(at), updated_at: time(at), commit: { ...made, commit: { ...commit, author: by, committer: by } } })
    },
    permission: (of: Account, role: Role | null): Shape => {
      const permission = role === null ? 'none' : role === 'maintain' ? 'write' : role === 'triage' ? 'read' : role
      return { permission, role_name: role ?? 'none', user: filled('nullable-collaborator', { ...user(of), role_name: role ?? 'none' }) }
    },
    authorization: (of: Extract<Token, { kind: 'user' }>, token: string): Shape => filled('authorization', {
      id: of.app.id, token, hashed_token: hash(token), token_last_eight: token.slice(-8), user: user(of.user), app: { client_id: of.app.clientId, name: of.app.name, url: `${web}/apps/${of.app.slug}` }, scopes: null, expires_at: time(of.expiresAt), note: null, note_url: null, url: `${api}/authorizations/${of.app.id}`,
    }),
    delivery: (of: Delivery, whole: boolean): Shape => filled(whole ? 'hook-delivery' : 'hook-delivery-item', {
      id: of.id, guid: of.guid, delivered_at: time(of.at), redelivery: of.redelivery, duration: 0.1, status: of.statusCode < 300 ? 'OK' : 'failed', status_code: of.statusCode, event: of.event, action: of.action, installation_id: of.installationId, repository_id: of.repositoryId,
      ...(whole ? { request: { headers: { 'X-GitHub-Delivery': of.guid, 'X-GitHub-Event': of.event }, payload: of.payload }, response: { headers: null, payload: null } } : {}),
    }),
  }
}
export type Shapes = ReturnType<typeof createShapes>
