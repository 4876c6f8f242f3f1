/**
 * Repositories that the server keeps itself: one for each workspace, which comes and goes with it, and those of tasks,
 * which a person makes to bring code to workspaces without a git host.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { RepositoryId, WorkspaceId } from './ids.ts'

/** Of a repository at this server: part of its address, and where git makes its clone. */
export const RepositoryName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,38}$/, 'lower-case letters, digits and dashes, at most 39')

export const HostedRepository = z.object({
  /** The workspace's, or its own. */
  id: z.union([WorkspaceId, RepositoryId]),
  /** The workspace with which it goes; null: it is a task's. */
  workspaceId: WorkspaceId.nullable(),
  name: z.string(),
  /** Where its code came from, in the words of whoever sent it. */
  label: z.string(),
  /** For git. Its password is a token of the API, or one of this repository alone. */
  url: z.string(),
  sizeBytes: z.number(), quotaBytes: z.number(),
  /** Whose it is, and how much all of theirs have of how much. */
  owner: z.string(), ownerBytes: z.number(), ownerQuotaBytes: z.number(),
  lastActiveAt: z.number(),
  /** Names of the workspaces that were made of it and are there. */
  workspaces: z.array(z.string()),
  /** Commits that workspaces brought and nobody fetched. A task's only; it is not taken away by itself while there is one. */
  unfetched: z.number().int(),
  /** When it is taken away unless somebody uses it before; null: not so soon. */
  endsAt: z.number().nullable(),
})
export type HostedRepository = z.infer<typeof HostedRepository>

/** A password of git that opens one repository and nothing else, for a while. */
export const RepositoryToken = z.object({ url: z.string(), username: z.string(), /** A secret, shown once. */ token: z.string(), access: z.enum(['read', 'write']), expiresAt: z.number() })
export type RepositoryToken = z.infer<typeof RepositoryToken>

const tag = { tags: ['git'] }
const Wanted = z.object({ access: z.enum(['read', 'write']).default('read'), lastsMs: z.number().int().min(60_000).max(24 * 3600_000).default(3600_000) })
const ById = z.object({ repositoryId: RepositoryId })
/** Spread into `api`. */
export const hostedApi = {
  listHostedRepositories: oc.route({ method: 'GET', path: '/repositories/hosted', summary: 'Repositories that the server keeps', ...tag }).output(z.array(HostedRepository)),
  /** Empty, with a password to push its code; the next steps are those of any git host. */
  createHostedRepository: oc.route({ method: 'POST', path: '/repositories/hosted', summary: 'Make a repository for a task', ...tag })
    .input(z.object({ name: RepositoryName, label: z.string().max(300).default(''), lastsMs: Wanted.shape.lastsMs })).output(z.object({ repository: HostedRepository, token: RepositoryToken })),
  /** Counts as use: it is not taken away for a while. */
  keepHostedRepository: oc.route({ method: 'POST', path: '/repositories/hosted/{repositoryId}/keep', summary: 'Keep a repository that would be taken away', ...tag }).input(ById).output(HostedRepository),
  /** Refused while it holds what nobody fetched, or workspaces are made of it, unless that is asked for. */
  removeHostedRepository: oc.route({ method: 'DELETE', path: '/repositories/hosted/{repositoryId}', summary: 'Take a repository of a task away', ...tag }).input(ById.extend({ force: z.enum(['true', 'false']).default('false') })).output(z.object({ removed: z.boolean() })),
  createHostedToken: oc.route({ method: 'POST', path: '/repositories/hosted/{repositoryId}/tokens', summary: "A password for git to a task's repository", ...tag }).input(ById.extend(Wanted.shape)).output(RepositoryToken),
  revokeHostedTokens: oc.route({ method: 'DELETE', path: '/repositories/hosted/{repositoryId}/tokens', summary: "Take back all passwords of a task's repository", ...tag }).input(ById).output(z.object({ revoked: z.number().int() })),
  createRepositoryToken: oc.route({ method: 'POST', path: '/workspaces/{id}/repository-token', summary: "A password for git to one workspace's repository", ...tag }).input(Wanted.extend({ id: WorkspaceId })).output(RepositoryToken),
  revokeRepositoryTokens: oc.route({ method: 'DELETE', path: '/workspaces/{id}/repository-token', summary: "Take back all passwords of a workspace's repository", ...tag }).input(z.object({ id: WorkspaceId })).output(z.object({ revoked: z.number().int() })),
}
