/**
 * Git hosts whose credential the server keeps, and the record of what workspaces did with it. A credential is written
 * and never given back; no workspace ever sees one.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { GitPolicy, GitPolicyChange } from './git-policy.ts'
import { DeployKeyId, GitHostId, WorkspaceId } from './ids.ts'

/** What speaks there, as far as it matters here: how it wants a token, and whether it lists repositories. */
export const GitHostKind = z.enum(['github', 'gitlab', 'bitbucket', 'freestyle', 'generic'])
export type GitHostKind = z.infer<typeof GitHostKind>

export const GitHost = z.object({
  id: GitHostId,
  /** Scheme, host and port: `https://github.com`. Every repository below it is reached with this credential, if the workspace may. */
  origin: z.string(),
  /** The user of Basic authentication; hosts that take a token alone want any name. */
  username: z.string(),
  kind: GitHostKind.default('generic'),
  addedAt: z.number(),
  /** The last operation that it was used for. */
  lastUsedAt: z.number().nullable(),
})
export type GitHost = z.infer<typeof GitHost>

export const AuditAction = z.enum([
  'sign-in', 'sign-in.refused', 'sign-out', 'sign-in-link.create', 'token.create', 'token.revoke', 'device.answer', 'passkey.add', 'passkey.remove',
  'person.invite', 'person.uninvite', 'person.join', 'person.role', 'person.remove', 'organisation.create', 'repository.access',
  'workspace.create', 'workspace.start', 'workspace.stop', 'workspace.rebuild', 'workspace.move', 'backup.create', 'backup.remove', 'backup.restore', 'workspace.delete', 'workspace.web', 'workspace.grant', 'approval.decide',
  'terminal.open', 'ssh.open', 'port.open', 'run.open', 'sync.open', 'code.push', 'preview.set', 'preview.share', 'preview.enter',
  'secret.set', 'secret.remove', 'secret.read', 'mcp.set', 'mcp.remove', 'model-key.set', 'model-key.remove', 'key.rotate', 'server.stop', 'server.release', 'agent.install', 'image.build', 'image.remove',
  'git.fetch', 'git.push', 'git-host.add', 'git-host.remove', 'git-policy.change', 'git.lfs', 'github.connect', 'github.disconnect', 'github.ask', 'pull.create', 'deploy-key.add', 'deploy-key.remove', 'commit.sign', 'signing-key.add', 'signing-key.remove', 'repository-token.create', 'repository-token.revoke', 'repository.create', 'repository.keep', 'repository.ending', 'repository.remove', 'model-budget.change', 'cost-limit.change', 'pool.set', 'pool.remove', 'provider.default', 'egress.change', 'injection.set', 'injection.remove',
])
export type AuditAction = z.infer<typeof AuditAction>
/** A key of the server for one repository of a host that gives no token: git goes there by ssh, from the server. */
export const DeployKey = z.object({
  id: DeployKeyId, origin: z.string(), path: z.string(), sshUrl: z.string(),
  /** To be added to the repository at its host, with the right to write where workspaces are to push. */
  publicKey: z.string(),
  /** Of the host's own keys, as they were found when this was made. */
  hostFingerprints: z.array(z.string()),
  addedAt: z.number(), lastUsedAt: z.number().nullable(),
})
export type DeployKey = z.infer<typeof DeployKey>

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

const tag = { tags: ['git'] }
/** Spread into `api`. */
export const gitAccessApi = {
  listGitHosts: oc.route({ method: 'GET', path: '/git-hosts', summary: 'Git hosts that workspaces reach through this server', ...tag }).output(z.array(GitHost)),
  /** Asks the host whether it takes the credential for `check`, a repository there, when that is given. One that is there is replaced. */
  addGitHost: oc.route({ method: 'POST', path: '/git-hosts', summary: 'Keep the credential of a git host', ...tag })
    .input(z.object({ origin: z.url({ protocol: /^https?$/ }).max(255), /** Absent: known by its name, or generic. */ kind: GitHostKind.optional(), /** Absent: as its kind wants it. */ username: z.string().regex(/^[^:\r\n\0]{1,100}$/).optional(), token: z.string().min(1).max(8192).regex(/^[^\r\n\0]+$/), check: z.string().max(1000).optional() })).output(GitHost),
  removeGitHost: oc.route({ method: 'DELETE', path: '/git-hosts/{hostId}', summary: 'Forget the credential of a git host', ...tag }).input(z.object({ hostId: GitHostId })).output(z.object({ removed: z.boolean() })),
  listDeployKeys: oc.route({ method: 'GET', path: '/deploy-keys', summary: 'Keys of the server for single repositories', ...tag }).output(z.array(DeployKey)),
  /** Makes a pair; its private half never leaves the server. The host's own keys are kept as they are found now. One that is there for the repository is replaced. */
  addDeployKey: oc.route({ method: 'POST', path: '/deploy-keys', summary: 'Make a key for one repository', ...tag }).input(z.object({ url: z.string().min(1).max(1000) })).output(DeployKey),
  removeDeployKey: oc.route({ method: 'DELETE', path: '/deploy-keys/{keyId}', summary: 'Forget the key of a repository', ...tag }).input(z.object({ keyId: DeployKeyId })).output(z.object({ removed: z.boolean() })),
  getGitPolicy: oc.route({ method: 'GET', path: '/workspaces/{id}/git-policy', summary: 'What a workspace may do at git hosts', ...tag }).input(z.object({ id: WorkspaceId })).output(GitPolicy),
  /** Counts from the next operation on. */
  changeGitPolicy: oc.route({ method: 'PATCH', path: '/workspaces/{id}/git-policy', summary: 'Change what a workspace may do at git hosts', ...tag }).input(z.object({ id: WorkspaceId, change: GitPolicyChange })).output(GitPolicy),
  /** Newest first. `intact`: false when a record was changed or taken away; it is asked of all of them. */
  listAudit: oc.route({ method: 'GET', path: '/audit', summary: 'Who did what', ...tag })
    .input(z.object({ workspace: WorkspaceId.optional(), before: z.coerce.number().int().positive().optional(), limit: z.coerce.number().int().min(1).max(500).default(100), verify: z.enum(['true', 'false']).default('false'),
      /** Of this action, or of all that begin so: `workspace.`. */ action: z.string().max(40).optional(), /** Whose name or id holds this. */ by: z.string().max(100).optional(), refused: z.enum(['true', 'false']).optional(), since: z.coerce.number().int().optional() }))
    .output(z.object({ records: z.array(AuditRecord), intact: z.boolean().nullable() })),
}
