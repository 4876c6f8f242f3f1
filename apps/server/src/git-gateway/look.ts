/** What is in a push that waits: whether it may leave, and what a person is shown of it. */
import { isRunByHost, secretInLine } from '@berth/core'
import type { RefCommand, SecretFinding } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitPolicy } from '@berth/wire/git-policy'
import type { Quarantine } from './quarantine.ts'

export interface Seen {
  /** For each command why it may not leave; null: it may. */
  readonly reasons: readonly (string | null)[]
  /** Further words, below the refs. */
  readonly said: readonly string[]
  readonly summary: PushSummary
  /** Files of it that a host runs by itself, and that may leave as far as the policy goes. */
  readonly workflows: readonly string[]
  /** Refs that would not hold all that they hold now, with the number of commits that they would lose. */
  readonly rewritten: readonly { readonly ref: string; readonly lost: number }[]
}
/** Newest first; no more than a person reads, with the numbers of all. */
export interface PushSummary { readonly commits: readonly { id: string; subject: string }[]; readonly commitCount: number; readonly files: readonly { path: string; added: number; removed: number }[]; readonly fileCount: number; readonly added: number; readonly removed: number }

const ZERO = /^0+$/
const COMMITS_LIMIT = 2000
/** Of text that is looked through; one with more is not looked at half. */
const LOOK_LIMIT_BYTES = 96 * 1024 * 1024
const SHOWN_COMMITS = 12
const SHOWN_FILES = 20
const FINDINGS_LIMIT = 20
const WALKED_REFS = 100
const NOTHING: PushSummary = { commits: [], commitCount: 0, files: [], fileCount: 0, added: 0, removed: 0 }

export interface LookAt { readonly commands: readonly RefCommand[]; readonly forwardOnly: ReadonlySet<string>; readonly policy: Pick<GitPolicy, 'profile' | 'workflows' | 'askWorkflows' | 'maxFileBytes'>; readonly signal: AbortSignal }

export async function lookAt(quarantine: Quarantine, at: LookAt): Promise<Seen> {
  const { commands, forwardOnly, signal } = at
  const refused = (reason: (command: RefCommand) => string | null, said: readonly string[] = []): Seen => ({ reasons: commands.map(reason), said, summary: NOTHING, workflows: [], rewritten: [] })
  const moved = commands.filter(({ ref, oldId }) => (quarantine.refs.get(ref) ?? '0'.repeat(oldId.length)) !== oldId)
  if (moved.length > 0) return refused((command) => (moved.includes(command) ? 'it has moved at the host: fetch first' : null))
  const tips = commands.filter(({ newId }) => !ZERO.test(newId)).map(({ newId }) => newId)
  if (tips.length === 0) return { reasons: commands.map(() => null), said: [], summary: NOTHING, workflows: [], rewritten: [] }
  const range = `${[...new Set(tips)].join('\n')}\n${[...new Set(quarantine.refs.values())].map((id) => `^${id}`).join('\n')}\n`
  const whole = await quarantine.run(['rev-list', '--objects', '--quiet', '--stdin'], { input: range, signal })
  if (whole.exitCode !== 0) return refused(() => 'objects of it are missing')
  const rewritten = await rewrittenBy(quarantine, at)
  const unasked = rewritten.filter(({ ref }) => forwardOnly.has(ref)).map(({ ref }) => ref)
  if (unasked.length > 0) return refused(({ ref }) => (unasked.includes(ref) ? 'it would be rewritten, and this workspace may only add to it' : null))
  const summary = await summaryOf(quarantine, { range, signal })
  if (summary.commitCount > COMMITS_LIMIT) return refused(() => `more than ${COMMITS_LIMIT} new commits at once`)
  const { workflows, said: ofWorkflows } = await runByHost(quarantine, { range, ...at })
  if (at.policy.profile !== 'protected') return { reasons: commands.map(() => null), said: [], summary, workflows, rewritten }
  const said = [...ofWorkflows, ...await tooLarge(quarantine, { range, ...at }), ...await secretsIn(quarantine, { range, signal })]
  if (said.length === 0) return { reasons: commands.map(() => null), said, summary, workflows, rewritten }
  return { reasons: commands.map(() => 'what is in it may not leave; see above'), said, summary, workflows, rewritten }
}

/** Each is a walk, and a push may name many: what is not looked at by itself is taken for rewritten. */
async function rewrittenBy(quarantine: Quarantine, { commands, forwardOnly, signal }: LookAt): Promise<Seen['rewritten']> {
  const found: { ref: string; lost: number }[] = []
  const moved = commands.filter(({ oldId, newId }) => !ZERO.test(oldId) && !ZERO.test(newId))
  for (const [at, { ref, oldId, newId }] of moved.entries()) {
    if (at >= WALKED_REFS && !forwardOnly.has(ref)) {
      found.push({ ref, lost: 0 })
      continue
    }
    if ((await quarantine.run(['merge-base', '--is-ancestor', oldId, newId], { signal })).exitCode === 0) continue
    const counted = await quarantine.run(['rev-list', '--count', oldId, `^${newId}`], { signal })
    found.push({ ref, lost: Number(counted.stdout.trim()) || 0 })
  }
  return found
}
interface Range { readonly range: string; readonly signal: AbortSignal }

const LOG = ['log', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', '--no-notes', '-m', '--stdin'] as const
/** Those that may leave, or what is said of those that may not. */
async function runByHost(quarantine: Quarantine, { range, signal, policy }: Range & Pick<LookAt, 'policy'>): Promise<{ workflows: string[]; said: string[] }> {
  if (policy.profile !== 'protected' && !policy.workflows) return { workflows: [], said: [] }
  const named = await quarantine.run([...LOG, '--format=', '--name-only', '-z'], { input: range, signal, limitBytes: LOOK_LIMIT_BYTES })
  if (named.exitCode !== 0 || named.truncated) return { workflows: [], said: ['it changes more files than can be looked at: push less at once'] }
  const found = [...new Set(named.stdout.split('\0').map((path) => path.replace(/^\n+/, '')).filter((path) => isRunByHost(path)))]
  if (policy.workflows || policy.askWorkflows) return { workflows: found.map(clean), said: [] }
  return { workflows: [], said: found.slice(0, FINDINGS_LIMIT).map((path) => `${clean(path)}: the host runs this file by itself, and this workspace may not change it (\`berth git-access <workspace> --workflows on\`, or \`ask\` to be asked)`) }
}

async function tooLarge(quarantine: Quarantine, { range, signal, policy }: Range & Pick<LookAt, 'policy'>): Promise<string[]> {
  const objects = await quarantine.run(['rev-list', '--objects', '--stdin'], { input: range, signal, limitBytes: LOOK_LIMIT_BYTES })
  const sizes = await quarantine.run(['cat-file', '--buffer', '--batch-check=%(objecttype) %(objectsize) %(rest)'], { input: objects.stdout, signal, limitBytes: LOOK_LIMIT_BYTES })
  if (objects.truncated || sizes.truncated || sizes.exitCode !== 0) return ['it has more objects than can be looked at: push less at once']
  return sizes.stdout.split('\n').flatMap((line) => {
    const [, size, path] = /^blob (\d+) (.*)$/.exec(line) ?? []
    return size !== undefined && Number(size) > policy.maxFileBytes ? [`${clean(path ?? '')}: ${size} bytes; up to ${policy.maxFileBytes} may leave`] : []
  }).slice(0, FINDINGS_LIMIT)
}

async function secretsIn(quarantine: Quarantine, { range, signal }: Range): Promise<string[]> {
  const shown = await quarantine.run([...LOG, '--format=', '-p', '-U0', '--text', '--src-prefix=a/', '--dst-prefix=b/'], { input: range, signal, limitBytes: LOOK_LIMIT_BYTES })
  if (shown.exitCode !== 0 || shown.truncated) return ['it is larger than what can be looked at: push less at once']
  const found = new Map<string, SecretFinding>()
  for (const finding of addedSecrets(shown.stdout)) {
    found.set(`${finding.path}:${finding.line} ${finding.kind}`, finding)
    if (found.size >= FINDINGS_LIMIT) break
  }
  return [...found.values()].map(({ path, line, kind }) => `${clean(path)}:${line}: ${kind}; take it out of the commits, not only of the last one`)
}

/** Of a patch without context: what stands behind a `+`, with its place in the new file. */
function* addedSecrets(patch: string): Generator<SecretFinding> {
  let path = ''
  let line = 0
  /** Lines of the hunk that are still to come. */
  let [removed, added] = [0, 0]
  for (const text of patch.split('\n')) {
    if (removed === 0 && added === 0) {
      if (text.startsWith('+++ ')) path = text.slice(4).replace(/^"?b\//, '').replace(/"?\t?$/, '')
      const hunk = /^@@+ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text)
      if (hunk !== null) [removed, line, added] = [Number(hunk[1] ?? 1), Number(hunk[2]), Number(hunk[3] ?? 1)]
      continue
    }
    if (text.startsWith('-')) removed--
    else if (text.startsWith('+')) {
      const kind = secretInLine(text.slice(1))
      if (kind !== null) yield { path, line, kind }
      line++
      added--
    }
  }
}

async function summaryOf(quarantine: Quarantine, { range, signal }: Range): Promise<PushSummary> {
  const [logged, counted] = await Promise.all([
    quarantine.run(['log', '--stdin', '--no-color', '--no-notes', '-z', '--format=%H%x09%s'], { input: range, signal, limitBytes: LOOK_LIMIT_BYTES }),
    quarantine.run(['log', '--stdin', '--no-color', '--no-notes', '--no-ext-diff', '--no-textconv', '--no-renames', '--format=', '--numstat', '-z'], { input: range, signal, limitBytes: LOOK_LIMIT_BYTES }),
  ])
  if (logged.exitCode !== 0 || counted.exitCode !== 0) throw new BerthError('internal', `git: ${(logged.stderr + counted.stderr).trim().slice(0, 300)}`)
  const commits = logged.stdout.split('\0').filter(Boolean).map((line) => ({ id: line.slice(0, line.indexOf('\t')), subject: clean(line.slice(line.indexOf('\t') + 1)).slice(0, 100) }))
  const files = new Map<string, { added: number; removed: number }>()
  for (const entry of counted.stdout.split('\0')) {
    const [, added, removed, path] = /^\n?(\d+|-)\t(\d+|-)\t([\s\S]+)$/.exec(entry) ?? []
    if (path === undefined) continue
    const before = files.get(path) ?? { added: 0, removed: 0 }
    files.set(path, { added: before.added + (Number(added) || 0), removed: before.removed + (Number(removed) || 0) })
  }
  const all = [...files].map(([path, change]) => ({ path: clean(path), ...change }))
  const sum = (of: 'added' | 'removed'): number => all.reduce((total, file) => total + file[of], 0)
  return { commits: commits.slice(0, SHOWN_COMMITS), commitCount: commits.length, files: all.toSorted((one, other) => other.added + other.removed - one.added - one.removed).slice(0, SHOWN_FILES), fileCount: all.length, added: sum('added'), removed: sum('removed') }
}

/** What a workspace wrote is shown on one line, as letters. */
const clean = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 200)
