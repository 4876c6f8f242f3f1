/**
 * Git hosts whose credential the server keeps, and the record of what workspaces did with it. A credential is written
 * and never given back; no workspace ever sees one.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { GitPolicy, GitPolicyChange } from './git-policy.ts'
import { GitHostId, WorkspaceId } from './ids.ts'

export const GitHost = z.object({
  id: GitHostId,
  /** Scheme, host and port: `https://github.com`. Every repository below it is reached with this credential, if the workspace may. */
  origin: z.string(),
  /** The user of Basic authentication; hosts that take a token alone want any name. */
  username: z.string(),
  addedAt: z.number(),
  /** The last operation that it was used for. */
  lastUsedAt: z.number().nullable(),
})
export type GitHost = z.infer<typeof GitHost>

export const AuditAction = z.enum([
  'sign-in', 'sign-in.refused', 'sign-out', 'sign-in-link.create', 'token.create', 'token.revoke', 'device.answer', 'passkey.add', 'passkey.remove',
  'person.invite', 'person.uninvite', 'person.join', 'person.role', 'person.remove', 'organisation.create', 'repository.access',
  'workspace.create', 'workspace.start', 'workspace.stop', 'workspace.rebuild', 'workspace.delete', 'workspace.web', 'workspace.grant', 'approval.decide',
  'terminal.open', 'ssh.open', 'port.open', 'run.open', 'sync.open', 'code.push', 'preview.set', 'preview.share', 'preview.enter',
  'secret.set', 'secret.remove', 'secret.read', 'mcp.set', 'mcp.remove', 'model-key.set', 'model-key.remove', 'key.rotate', 'server.stop', 'server.release', 'agent.install',
  'git.fetch', 'git.push', 'git-host.add', 'git-host.remove', 'git-policy.change', 'git.lfs', 'github.connect', 'github.disconnect', 'github.ask', 'pull.create', 'model-budget.change', 'egress.change', 'injection.set', 'injection.remove',
])
export type AuditAction = z.infer<typeof AuditAction>
/** One operation, allowed or refused, in the order of their happening; each holds the hash of the one before. */
export const AuditRecord = z.object({
  n: z.number().int().positive(),
  at: z.number(),
  action: AuditAction,
  /** Null: no workspace had a part in it. */
  workspaceId: WorkspaceId.nullable(),
  /** Who: a person's name, or the workspace's. */
  actor: z.string(),
  /** The repository's address, or the host's. */
  subject: z.string(),
  allowed: z.boolean(),
  /** Why it was refused, or what the host said. */
  reason: z.string().nullable(),
  /** Of a push: what each ref was and was to be. */
  refs: z.array(z.object({ ref: z.string(), from: z.string(), to: z.string(), refused: z.string().nullable() })),
  /** Of the credential that was used; null: it does not end, or none was used. */
  tokenExpiresAt: z.number().nullable(),
  hash: z.string(),
})
export type AuditRecord = z.infer<typeof AuditRecord>

/** A repository of the server for one workspace; it goes with it. */
export const HostedRepository = z.object({
  workspaceId: WorkspaceId, name: z.string(),
  /** Where its code came from, in the words of whoever sent it. */
  label: z.string(),
  /** For git, with an API token as the password. */
  url: z.string(), sizeBytes: z.number(), quotaBytes: z.number(), lastActiveAt: z.number(),
})
export type HostedRepository = z.infer<typeof HostedRepository>

const tag = { tags: ['git'] }
/** Spread into `api`. */
export const gitAccessApi = {
  listGitHosts: oc.route({ method: 'GET', path: '/git-hosts', summary: 'Git hosts that workspaces reach through this server', ...tag }).output(z.array(GitHost)),
  /** Asks the host whether it takes the credential for `check`, a repository there, when that is given. One that is there is replaced. */
  addGitHost: oc.route({ method: 'POST', path: '/git-hosts', summary: 'Keep the credential of a git host', ...tag })
    .input(z.object({ origin: z.url({ protocol: /^https?$/ }).max(255), username: z.string().regex(/^[^:\r\n\0]{1,100}$/).default('x-access-token'), token: z.string().min(1).max(8192).regex(/^[^\r\n\0]+$/), check: z.string().max(1000).optional() })).output(GitHost),
  removeGitHost: oc.route({ method: 'DELETE', path: '/git-hosts/{hostId}', summary: 'Forget the credential of a git host', ...tag }).input(z.object({ hostId: GitHostId })).output(z.object({ removed: z.boolean() })),
  listHostedRepositories: oc.route({ method: 'GET', path: '/repositories/hosted', summary: 'Repositories that the server keeps for workspaces', ...tag }).output(z.array(HostedRepository)),
  getGitPolicy: oc.route({ method: 'GET', path: '/workspaces/{id}/git-policy', summary: 'What a workspace may do at git hosts', ...tag }).input(z.object({ id: WorkspaceId })).output(GitPolicy),
  /** Counts from the next operation on. */
  changeGitPolicy: oc.route({ method: 'PATCH', path: '/workspaces/{id}/git-policy', summary: 'Change what a workspace may do at git hosts', ...tag }).input(z.object({ id: WorkspaceId, change: GitPolicyChange })).output(GitPolicy),
  /** Newest first. `intact`: false when a record was changed or taken away; it is asked of all of them. */
  listAudit: oc.route({ method: 'GET', path: '/audit', summary: 'Who did what', ...tag })
    .input(z.object({ workspace: WorkspaceId.optional(), before: z.coerce.number().int().positive().optional(), limit: z.coerce.number().int().min(1).max(500).default(100), verify: z.enum(['true', 'false']).default('false'),
      /** Of this action, or of all that begin so: `workspace.`. */ action: z.string().max(40).optional(), /** Whose name or id holds this. */ by: z.string().max(100).optional(), refused: z.enum(['true', 'false']).optional(), since: z.coerce.number().int().optional() }))
    .output(z.object({ records: z.array(AuditRecord), intact: z.boolean().nullable() })),
}
