/** Pull requests of workspaces. The workspace pushes its own branch, through the gateway; GitHub is spoken to from here. */
import { repositoryAddress } from '@berth/core'
import type { AuditStore, Clock, Daemons, Identity, RepositoryAddress, WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { PullRequest, PullStatus } from '@berth/wire/github'
import { z } from 'zod'
import { must } from './reading.ts'
import type { GitHubApi } from './github-api.ts'
import { commandIn } from './command-in.ts'
import { passedOf, Runs, Statuses, resultsOf } from './checks.ts'
import type { Lease } from '../git-hosting/held-tokens.ts'
import type { Rights, Tokens } from './tokens.ts'

export interface PullDeps { readonly api: GitHubApi; readonly tokens: Pick<Tokens, 'lease'>; readonly daemons: Daemons; readonly store: { readonly audit: Pick<AuditStore, 'write'> }; readonly clock: Clock }
export interface NewPull { readonly title?: string | undefined; readonly body: string; readonly base?: string | undefined; readonly draft: boolean }

const TITLE_LIMIT = 250
const MAKING: Rights = { pull_requests: 'write', metadata: 'read' }
const LOOKING: Rights = { pull_requests: 'read', checks: 'read', statuses: 'read', metadata: 'read' }
const Pull = z.object({ number: z.number(), title: z.string(), state: z.enum(['open', 'closed']), draft: z.boolean().optional(), merged_at: z.string().nullable(), html_url: z.string(), head: z.object({ ref: z.string() }), base: z.object({ ref: z.string() }) })

export async function createPull(deps: PullDeps, by: Identity, record: WorkspaceRecord, wanted: NewPull): Promise<PullRequest> {
  const { workspace } = record
  const at = addressOf(record)
  const branch = branchOf(record)
  return withLease(deps, record, MAKING, async ({ token, expiresAt }) => {
    await commandIn(deps.daemons, workspace.id, ['git', 'push', '--quiet', urlOf(record), `HEAD:refs/heads/${branch}`])
    const [open] = await list(deps, at, token, `state=open&head=${encodeURIComponent(`${ownerOf(at)}:${branch}`)}`)
    if (open !== undefined) return open
    const base = wanted.base ?? (workspace.source.kind === 'git' ? workspace.source.branch : undefined) ?? must(at.origin, await deps.api.ask({ origin: at.origin, path: `/repos/${at.path}`, credential: token, answer: z.object({ default_branch: z.string() }) })).default_branch
    const title = wanted.title ?? (await lastSubject(deps, record))
    const made = await deps.api.ask({ origin: at.origin, method: 'POST', path: `/repos/${at.path}/pulls`, credential: token, body: { title, body: wanted.body, head: branch, base, draft: wanted.draft }, answer: Pull })
    await deps.store.audit.write(by.orgId, { action: 'pull.create', workspaceId: workspace.id, actor: by.userName, subject: `${at.origin}/${at.path}`, allowed: made.ok, reason: made.ok ? null : made.message, refs: [], tokenExpiresAt: expiresAt }, deps.clock.now())
    if (!made.ok) throw new BerthError('conflict', `GitHub did not open the pull request: ${made.message}`, { hint: `the branch ${branch} is pushed; is there a commit that ${base} lacks?` })
    return shown(made.value)
  })
}

export async function listPulls(deps: PullDeps, record: WorkspaceRecord): Promise<PullRequest[]> {
  return withLease(deps, record, { pull_requests: 'read', metadata: 'read' }, ({ token }) => list(deps, addressOf(record), token, 'state=open&per_page=100'))
}

export async function pullStatus(deps: PullDeps, record: WorkspaceRecord): Promise<PullStatus> {
  const at = addressOf(record)
  const branch = branchOf(record)
  return withLease(deps, record, LOOKING, async ({ token }) => {
    const ask = <T>(path: string, answer: z.ZodType<T>) => deps.api.ask({ origin: at.origin, path: `/repos/${at.path}${path}`, credential: token, answer })
    const ref = encodeURIComponent(branch)
    const [statuses, runs, [pull]] = await Promise.all([
      ask(`/commits/${ref}/status?per_page=100`, Statuses), ask(`/commits/${ref}/check-runs?per_page=100`, Runs), list(deps, at, token, `state=all&head=${encodeURIComponent(`${ownerOf(at)}:${branch}`)}`),
    ])
    // The branch is not there.
    if (!statuses.ok && (statuses.status === 404 || statuses.status === 422)) return { branch, commit: null, pull: pull ?? null, checks: 'none', results: [] }
    const { sha, statuses: told } = must(at.origin, statuses)
    const results = resultsOf(must(at.origin, runs).check_runs, told)
    return { branch, commit: sha, pull: pull ?? null, checks: passedOf(results), results }
  })
}

async function list({ api }: PullDeps, at: RepositoryAddress, token: string, query: string): Promise<PullRequest[]> {
  return must(at.origin, await api.ask({ origin: at.origin, path: `/repos/${at.path}/pulls?${query}`, credential: token, answer: z.array(Pull) })).map(shown)
}

const shown = ({ number, title, state, draft, merged_at: merged, html_url: url, head, base }: z.infer<typeof Pull>): PullRequest => ({ number, title, state: merged === null ? state : 'merged', draft: draft ?? false, url, head: head.ref, base: base.ref })
export const branchOf = ({ workspace }: WorkspaceRecord): string => `berth/${workspace.name}`
const ownerOf = ({ path }: RepositoryAddress): string => path.split('/')[0] ?? ''

function urlOf({ workspace: { name, source } }: WorkspaceRecord): string {
  if (source.kind === 'git') return source.url
  throw new BerthError('unsupported', `the code of ${name} came from no repository at GitHub`, { hint: `\`berth pull ${name}\` brings its work to you` })
}

function addressOf(record: WorkspaceRecord): RepositoryAddress {
  const address = repositoryAddress(urlOf(record))
  if (address === null || address.path.split('/').length !== 2) throw new BerthError('unsupported', `the code of ${record.workspace.name} came from no repository at GitHub`)
  return address
}

/** A token that was kept may have been taken back meanwhile: then once more with another, or with the reason why there is none. */
async function withLease<T>(deps: PullDeps, record: WorkspaceRecord, rights: Rights, work: (lease: Lease) => Promise<T>): Promise<T> {
  try {
    return await withOneLease(deps, record, rights, work)
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'unauthorized') throw error
    return withOneLease(deps, record, rights, work)
  }
}

async function withOneLease<T>({ tokens }: PullDeps, record: WorkspaceRecord, rights: Rights, work: (lease: Lease) => Promise<T>): Promise<T> {
  const { orgId, id } = record.workspace
  const { origin, path } = addressOf(record)
  const leased = await tokens.lease({ orgId, workspaceId: id, origin, path, rights })
  if (leased === null) throw new BerthError('forbidden', `this server has no GitHub app for ${origin}`, { hint: '`berth setup github-app` makes one' })
  if ('missing' in leased) throw new BerthError('forbidden', leased.missing.message, { hint: leased.missing.hint })
  try {
    return await work(leased.lease)
  } catch (error) {
    if (error instanceof BerthError && error.code === 'unauthorized') leased.lease.discard()
    throw error
  } finally {
    leased.lease.release()
  }
}

/** What the agent wrote: shown to people, as one line. */
export async function lastSubject({ daemons }: Pick<PullDeps, 'daemons'>, { workspace }: WorkspaceRecord): Promise<string> {
  const said = await commandIn(daemons, workspace.id, ['git', 'log', '-1', '--format=%s'])
  const line = said.replaceAll(/\p{Cc}+/gu, ' ').trim().toWellFormed().slice(0, TITLE_LIMIT)
  return line === '' ? `Work of ${workspace.name}` : line
}
