/**
 * Whether the branch that a workspace's code came from has moved at its origin. The server asks the origin, with the
 * credential it keeps; the machine says whether it has that commit. Known only as long as this server runs.
 */
import { phaseOf } from '@berth/core'
import type { Clock, Daemons, Store, WorkspaceRecord } from '@berth/core'
import { BerthError, workspaceCan } from '@berth/wire'
import type { Workspace, WorkspaceId } from '@berth/wire'
import type { UpdateOutcome } from '@berth/wire/sync'
import type { ServiceDeps } from './deps.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import type { GitHub } from '../github/index.ts'
import { readAsServer } from '../github/read-as-server.ts'
import type { ReadAsServerDeps } from '../github/read-as-server.ts'
import { lsRemote } from './ls-remote.ts'
import { isBusy, requireMachine, TREE_WITHIN_MS } from './review-reading.ts'
import { requireIdle } from './review-marks.ts'
import { messageOf } from '../thrown.ts'

export type Origin = NonNullable<Workspace['origin']>
export interface Origins {
  /** What was seen last. */
  of(id: WorkspaceId): Origin | null
  /** Asks now. Null: its code came from no address that can be asked. */
  look(id: WorkspaceId): Promise<Origin | null>
  /** Somebody says that a branch moved: those that came from it ask now, or as soon as their machine is there. */
  moved(isOf: (record: WorkspaceRecord) => boolean, branch: string): Promise<void>
  /** Those whose time has come, a few at once. */
  round(): Promise<void>
}
export interface OriginsDeps {
  readonly store: Pick<Store, 'getWorkspace' | 'listWorkspaces'> & ReadAsServerDeps['store']
  readonly keysDir: string
  readonly github: Pick<GitHub, 'credentialFor' | 'tells'>
  readonly hosted?: HostedReach
  readonly daemons: Pick<Daemons, 'call' | 'connected'>
  readonly clock: Clock
  readonly log: (line: string) => void
  changed(id: WorkspaceId): void
}

const EVERY_MS = 5 * 60_000
/** An origin that does not answer is asked less and less often. */
const AT_MOST_MS = 60 * 60_000
/** Of one round: more would be a burst at somebody's host. */
const AT_ONCE = 20
const CALL_WITHIN_MS = 15_000

interface Known { readonly origin: Origin | null; readonly nextAt: number; readonly failures: number }

export function createOrigins(deps: OriginsDeps): Origins {
  const known = new Map<WorkspaceId, Known>()

  async function look(record: WorkspaceRecord): Promise<Origin | null> {
    const { id } = record.workspace
    const before = known.get(id)
    const now = deps.clock.now()
    try {
      const { origin, told } = await ask(deps, record, now)
      known.set(id, { origin, nextAt: now + (told ? AT_MOST_MS : EVERY_MS), failures: 0 })
      if (before?.origin?.behind !== origin?.behind || before?.origin?.commit !== origin?.commit) deps.changed(id)
      return origin
    } catch (error) {
      const failures = (before?.failures ?? 0) + 1
      known.set(id, { origin: before?.origin ?? null, nextAt: now + Math.min(EVERY_MS * 2 ** failures, AT_MOST_MS), failures })
      throw error
    }
  }

  const lookQuietly = (record: WorkspaceRecord): Promise<unknown> => look(record).catch((error: unknown) => deps.log(`${record.workspace.id}: its origin was not looked at: ${messageOf(error)}`))

  return {
    of: (id) => known.get(id)?.origin ?? null,
    async look(id) {
      const record = await deps.store.getWorkspace(id)
      if (record === null) throw new BerthError('not_found', `there is no workspace ${id}`, { hint: 'see `berth list`' })
      return look(record)
    },
    async moved(isOf, branch) {
      const records = await deps.store.listWorkspaces({ deleted: false })
      for (const record of records.filter(isOf)) {
        const { id, source } = record.workspace
        const before = known.get(id)
        const own = (source.kind === 'git' ? source.branch : undefined) ?? before?.origin?.branch ?? branch
        if (own !== branch) continue
        if (before !== undefined) known.set(id, { ...before, nextAt: 0 })
        if (canBeAsked(deps, record, deps.clock.now())) await lookQuietly(record)
      }
    },
    async round() {
      const now = deps.clock.now()
      const records = await deps.store.listWorkspaces({ deleted: false })
      const there = new Set(records.map(({ workspace }) => workspace.id))
      for (const id of known.keys()) if (!there.has(id)) known.delete(id)
      const due = records.filter((record) => canBeAsked(deps, record, now) && (known.get(record.workspace.id)?.nextAt ?? 0) <= now).slice(0, AT_ONCE)
      for (const record of due) await lookQuietly(record)
    },
  }
}

function canBeAsked({ daemons }: Pick<OriginsDeps, 'daemons'>, record: WorkspaceRecord, now: number): boolean {
  const { source, id } = record.workspace
  return source.kind === 'git' && source.commit === undefined && daemons.connected(id) && workspaceCan('attach', phaseOf(record, now).phase)
}

/** `told`: when it moves, somebody says so. */
async function ask(deps: OriginsDeps, record: WorkspaceRecord, now: number): Promise<{ origin: Origin | null; told: boolean }> {
  const { source, orgId, id } = record.workspace
  if (source.kind !== 'git' || source.commit !== undefined) return { origin: null, told: false }
  const { config, leased, ssh, release } = await readAsServer(deps, { id, orgId }, source.url)
  try {
    if (!ssh && !/^(https?|git):\/\//.test(source.url)) return { origin: null, told: false }
    return { origin: await asked(deps, { id, source, config, protocols: ssh ? 'ssh' : 'https:http:git', now }), told: leased !== null && deps.github.tells(orgId, leased.origin) }
  } finally {
    release()
  }
}

async function asked(deps: OriginsDeps, { id, source, config, protocols, now }: { id: WorkspaceId; protocols: string; source: Extract<WorkspaceRecord['workspace']['source'], { kind: 'git' }>; config: readonly (readonly [string, string])[]; now: number }): Promise<Origin> {
  const tip = tipIn(await lsRemote(source.url, { flags: ['--symref'], patterns: source.branch === undefined ? ['HEAD'] : [`refs/heads/${source.branch}`], protocols, config }), source.branch)
  if (tip === null) throw new BerthError('network_unreachable', 'the origin did not say where its branch stands', { hint: 'is it there, and may it be read?' })
  const { contains } = await deps.daemons.call(id, 'git.contains', { commit: tip.commit }, { withinMs: CALL_WITHIN_MS })
  return { ...tip, behind: !contains, at: now }
}

function tipIn({ text, whole }: { text: string; whole: boolean }, branch: string | undefined): { branch: string; commit: string } | null {
  if (!whole) return null
  const name = branch ?? /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(text)?.[1]
  const wanted = branch === undefined ? 'HEAD' : `refs/heads/${branch}`
  const commit = text.split('\n').map((line) => line.split('\t')).find(([oid = '', ref]) => ref === wanted && /^[0-9a-f]{40,64}$/.test(oid))?.[0]
  return name === undefined || commit === undefined ? null : { branch: name, commit }
}

/** Brings what is new at the origin under the workspace's own commits: all of it, or nothing. */
export async function updateFromOrigin(deps: ServiceDeps, id: WorkspaceId): Promise<UpdateOutcome> {
  const record = await requireMachine(deps, id)
  const { name } = record.workspace
  requireIdle({ busy: isBusy(record) }, 'update when it ended')
  const origin = await deps.origins.look(id)
  if (origin === null) throw new BerthError('unsupported', `the code of ${name} came from no branch of a url`, { hint: '`berth push` from your clone brings what is new' })
  const answer = await deps.daemons.call(id, 'git.update', { key: crypto.randomUUID(), branch: origin.branch }, { withinMs: TREE_WITHIN_MS })
  if (!answer.ok) {
    const listed = `${answer.files.slice(0, 8).join(', ')}${answer.files.length > 8 ? ', …' : ''}`
    const details = { why: answer.why, files: answer.files }
    if (answer.why === 'dirty') throw new BerthError('conflict', `${name} has changes that are not committed: ${listed}`, { details, hint: 'commit them first (`berth review`, or the page), then update' })
    if (answer.why === 'merging') throw new BerthError('workspace_busy', `${name} is in the middle of a merge or rebase`, { details, hint: 'update when it is done' })
    throw new BerthError('conflict', `what is new at origin/${origin.branch} does not fit, so nothing was touched: ${listed}`, { details, hint: `ask the agent: berth send ${name} "rebase on origin/${origin.branch} and resolve the conflicts"` })
  }
  await deps.origins.look(id).catch(() => null)
  deps.poke(id)
  return answer.outcome
}
