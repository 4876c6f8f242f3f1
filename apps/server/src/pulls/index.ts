/**
 * Pull requests of workspaces, or what their host calls them: by GitHub's app where there is one, else by the kept token
 * of a GitLab or a Bitbucket. The workspace pushes its own branch through the gateway; the host is spoken to from here.
 */
import { repositoryAddress } from '@berth/core'
import type { Identity, RepositoryAddress, Store, WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitHostKind } from '@berth/wire/git-access'
import type { PullRequest, PullStatus } from '@berth/wire/github'
import { passedOf } from '../github/checks.ts'
import { commandIn } from '../github/command-in.ts'
import { branchOf, createPull, lastSubject, listPulls, pullStatus } from '../github/pulls.ts'
import type { NewPull, PullDeps } from '../github/pulls.ts'
import { createBitbucketPulls } from './bitbucket.ts'
import { createGitLabPulls } from './gitlab.ts'
import { createAskHost } from './host-api.ts'
import type { At, HostPulls } from './host-pulls.ts'

export interface PullsDeps extends Omit<PullDeps, 'store'> {
  readonly store: PullDeps['store'] & { readonly gitHosts: Pick<Store['gitHosts'], 'list' | 'credential' | 'used'>; readonly github: Pick<Store['github'], 'list'> }
  readonly fetch?: typeof fetch
}
export interface Pulls {
  /** One that is open already is answered as it is. */
  create(by: Identity, record: WorkspaceRecord, wanted: NewPull): Promise<PullRequest>
  /** `host`: who says so, for people. */
  status(record: WorkspaceRecord): Promise<{ readonly status: PullStatus; readonly host: string }>
  list(record: WorkspaceRecord): Promise<PullRequest[]>
}

export function createPulls(deps: PullsDeps): Pulls {
  const ask = createAskHost(deps.fetch)
  const byKind: Readonly<Partial<Record<GitHostKind, HostPulls>>> = { gitlab: createGitLabPulls(ask), bitbucket: createBitbucketPulls(ask) }
  /** Null: GitHub's, or nobody's: it says what is missing. */
  const hostOf = async ({ workspace: { orgId, source } }: WorkspaceRecord): Promise<{ host: HostPulls; at: At } | null> => {
    const address = source.kind === 'git' ? repositoryAddress(source.url) : null
    if (address === null || (await deps.store.github.list(orgId)).some(({ origin }) => origin === address.origin)) return null
    const kept = (await deps.store.gitHosts.list(orgId)).find(({ origin }) => origin === address.origin)
    const host = kept === undefined ? undefined : byKind[kept.kind]
    const credential = host === undefined ? null : await deps.store.gitHosts.credential(orgId, address.origin)
    if (host === undefined || credential === null) return null
    await deps.store.gitHosts.used(credential.id, deps.clock.now())
    return { host, at: { ...address, username: credential.username, token: credential.token } }
  }
  return {
    async create(by, record, wanted) {
      const found = await hostOf(record)
      return found === null ? createPull(deps, by, record, wanted) : createAt(deps, found, { by, record, wanted })
    },
    async status(record) {
      const found = await hostOf(record)
      return found === null ? { status: await pullStatus(deps, record), host: 'GitHub' } : { status: await statusAt(found, branchOf(record)), host: found.host.name }
    },
    async list(record) {
      const found = await hostOf(record)
      return found === null ? listPulls(deps, record) : found.host.open(found.at)
    },
  }
}

async function createAt(deps: PullsDeps, { host, at }: { host: HostPulls; at: At }, { by, record, wanted }: { by: Identity; record: WorkspaceRecord; wanted: NewPull }): Promise<PullRequest> {
  const { workspace } = record
  const { source } = workspace
  const branch = branchOf(record)
  await commandIn(deps.daemons, workspace.id, ['git', 'push', '--quiet', source.kind === 'git' ? source.url : 'origin', `HEAD:refs/heads/${branch}`])
  const [open] = await host.ofBranch(at, branch, 'open')
  if (open !== undefined) return open
  const base = wanted.base ?? (source.kind === 'git' ? source.branch : undefined) ?? (await host.defaultBranch(at))
  if (base === null) throw new BerthError('conflict', `${at.path} has no branch to take this in`, { hint: 'name one with --base' })
  const made = await host.create(at, { title: wanted.title ?? (await lastSubject(deps, record)), body: wanted.body, branch, base, draft: wanted.draft })
  await noted(deps, { by, record, at }, made.ok ? null : made.message)
  if (!made.ok) throw new BerthError('conflict', `${host.name} did not open it: ${made.message}`, { hint: `the branch ${branch} is pushed; is there a commit that ${base} lacks?` })
  return made.value
}

function noted({ store, clock }: PullsDeps, { by, record, at }: { by: Identity; record: WorkspaceRecord; at: RepositoryAddress }, reason: string | null): Promise<unknown> {
  return store.audit.write(by.orgId, { action: 'pull.create', workspaceId: record.workspace.id, actor: by.userName, subject: `${at.origin}/${at.path}`, allowed: reason === null, reason, refs: [], tokenExpiresAt: null }, clock.now())
}

async function statusAt({ host, at }: { host: HostPulls; at: At }, branch: string): Promise<PullStatus> {
  const [commit, [pull]] = await Promise.all([host.commitOf(at, branch), host.ofBranch(at, branch, 'any')])
  if (commit === null) return { branch, commit, pull: pull ?? null, checks: 'none', results: [] }
  const results = await host.checks(at, { commit, branch })
  return { branch, commit, pull: pull ?? null, checks: passedOf(results), results }
}
