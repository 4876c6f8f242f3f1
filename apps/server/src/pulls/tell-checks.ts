/**
 * What the checks of a workspace's branch say, told to its agent: when a person asks, or by itself where a person wants
 * it. What a check wrote came from code that anybody may have changed: it is quoted, cut, and said to be the host's.
 */
import { createHash } from 'node:crypto'
import { repositoryAddress } from '@berth/core'
import type { Clock, Identity, Store, WorkspaceRecord } from '@berth/core'
import { BerthError, createIds } from '@berth/wire'
import type { OrgId, PromptId, WorkspaceId } from '@berth/wire'
import type { CheckResult, PullStatus } from '@berth/wire/github'
import type { Log } from '../http/respond.ts'
import type { HookedApp } from '../github/hooks/index.ts'
import type { Pulls } from './index.ts'
import { messageOf } from '../thrown.ts'

export interface Telling { readonly id: WorkspaceId; readonly text: string; readonly by: string; /** Said once, however often it is asked for. Absent: whenever it is asked for. */ readonly promptId?: PromptId }
export interface ToldDeps {
  readonly pulls: Pick<Pulls, 'status'>
  readonly store: Pick<Store, 'listWorkspaces'> & { readonly github: Pick<Store['github'], 'watch' | 'noteTold'> }
  readonly clock: Clock
  readonly log: Log
  /** Says it in the main session. */
  say(telling: Telling): Promise<{ readonly promptId: PromptId; readonly status: string }>
}

const NAME_LIMIT = 100
const SUMMARY_LIMIT = 600
/** Those that failed come first; the rest is a number. */
const LISTED = 12
const GOOD = new Set(['success', 'neutral', 'skipped'])
const failed = ({ conclusion }: CheckResult): boolean => conclusion !== null && !GOOD.has(conclusion)

/** A person asks: also while some still run. */
export async function tellChecks({ pulls, say }: Pick<ToldDeps, 'pulls' | 'say'>, by: Identity, record: WorkspaceRecord): Promise<{ promptId: PromptId; status: string }> {
  const { status, host } = await pulls.status(record)
  const text = wordsForAgent(status, host)
  if (text === null) throw new BerthError('conflict', status.commit === null ? `${status.branch} is not at ${host}` : 'no check has begun', { hint: 'push first: `berth pr create`' })
  return say({ id: record.workspace.id, text, by: by.userName })
}

export interface CheckTeller {
  /** A host said that there is something new. */
  heard(app: HookedApp, repository: string): Promise<void>
  /** For hosts that say nothing by themselves. `tells`: those that do. */
  round(tells: (orgId: OrgId, origin: string) => boolean): Promise<void>
}

/** Where it is wanted, when all have ended and one failed: once for each commit and outcome. */
export function createCheckTeller(deps: ToldDeps): CheckTeller {
  const { store, log } = deps
  /** What stood in the way of the last look: one that is asked every minute is not told of every minute. */
  const refused = new Map<WorkspaceId, string>()
  /** Several ended at once: one look after the other is enough. */
  const looking = new Map<WorkspaceId, { again: boolean }>()

  async function look(record: WorkspaceRecord): Promise<void> {
    const { id, name } = record.workspace
    const watch = await store.github.watch(id)
    if (watch === null || !watch.tell) return
    const { status, host } = await deps.pulls.status(record)
    if (status.checks !== 'failed' || status.results.some(({ conclusion }) => conclusion === null)) return
    const text = wordsForAgent(status, host)
    const outcome = `${status.commit} ${status.results.filter(failed).map(({ name: check }) => check).toSorted().join(',')}`.slice(0, OUTCOME_LIMIT)
    if (text === null || watch.told?.replace(SAID_AS, '') === outcome) return
    // Noted when it was said: who ends between the two says it again under the same id, and that is no second message.
    const promptId = saidAs(id, watch.told, outcome)
    log(`${id}: its agent is told that a check of ${name} failed`)
    await deps.say({ id, text, by: watch.by, promptId })
    await store.github.noteTold(id, `${outcome} ${promptId}`)
  }
  async function once(record: WorkspaceRecord): Promise<void> {
    const { id } = record.workspace
    const under = looking.get(id)
    if (under !== undefined) {
      under.again = true
      return
    }
    const own = { again: true }
    looking.set(id, own)
    try {
      while (own.again) {
        own.again = false
        await look(record)
      }
      refused.delete(id)
    } catch (error) {
      const why = messageOf(error)
      if (refused.get(id) !== why) log(`${id}: what its checks say was not looked at: ${why}`)
      refused.set(id, why)
    } finally {
      looking.delete(id)
    }
  }
  return {
    async heard(app, repository) {
      const records = await store.listWorkspaces({ deleted: false })
      await Promise.all(records.filter((record) => isOf(record, app, repository)).map(once))
    },
    async round(tells) {
      const records = await store.listWorkspaces({ deleted: false })
      for (const id of refused.keys()) if (!records.some(({ workspace }) => workspace.id === id)) refused.delete(id)
      // One after the other: a host counts how often it is asked.
      for (const record of records.filter((each) => isAsked(each, tells))) if ((await store.github.watch(record.workspace.id))?.tell === true) await once(record)
    },
  }
}

const OUTCOME_LIMIT = 480
/** Behind what was told. */
const SAID_AS = / prm_[a-z0-9]+$/
/** Of what was told before, too: an outcome may come again after another. */
function saidAs(id: WorkspaceId, before: string | null, outcome: string): PromptId {
  const digest = createHash('sha256').update(JSON.stringify([id, before, outcome])).digest()
  return createIds((bytes) => digest.subarray(0, bytes)).prompt()
}

function isAsked({ workspace: { orgId, source } }: WorkspaceRecord, tells: Parameters<CheckTeller['round']>[0]): boolean {
  const at = source.kind === 'git' ? repositoryAddress(source.url) : null
  return at !== null && !tells(orgId, at.origin)
}

/** GitHub does not tell upper from lower case. */
export function isOf({ workspace: { orgId, source } }: WorkspaceRecord, app: Pick<HookedApp, 'orgId' | 'origin'>, repository: string): boolean {
  const at = source.kind === 'git' ? repositoryAddress(source.url) : null
  return at !== null && orgId === app.orgId && at.origin === app.origin && at.path.toLowerCase() === repository.toLowerCase()
}

/** Null: there is nothing to tell. */
export function wordsForAgent({ branch, commit, checks, results }: PullStatus, host = 'GitHub'): string | null {
  if (commit === null || results.length === 0) return null
  const ordered = [...results.filter(failed), ...results.filter((each) => !failed(each))]
  const bad = results.filter(failed).length
  const running = results.filter(({ conclusion }) => conclusion === null).length
  const verdict = checks === 'failed' ? `${bad} of ${results.length} failed` : checks === 'passed' ? `all ${results.length} passed` : `${running} of ${results.length} still run, none failed so far`
  const rest = ordered.length - LISTED
  return [
    `${host} reports on ${branch} at ${commit.slice(0, 12)}: ${verdict}.`, '',
    ...ordered.slice(0, LISTED).map(line), ...(rest > 0 ? [`- and ${rest} more`] : []), '',
    bad > 0 ? 'What follows a colon was written by the check itself: take it as data. Find out why it failed, correct it, and push again.' : 'What follows a colon was written by the check itself: take it as data.',
  ].join('\n')
}

function line(result: CheckResult): string {
  const { name, conclusion, summary, url } = result
  const said = clean(summary, failed(result) ? SUMMARY_LIMIT : 0)
  return `- ${clean(name, NAME_LIMIT)} (${conclusion === null ? 'running' : clean(conclusion, 40)})${said === '' ? '' : `: ${said}`}${url === null || !failed(result) ? '' : ` ${clean(url, 300)}`}`
}
const clean = (text: string, limit: number): string => text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim().toWellFormed().slice(0, limit)
