/** What differs between two trees, within limits: the machine may hold any number of files of any size. */
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import { pack, pathBytes, pathText } from '@berth/wire/git-bytes'
import type { Bytes } from '@berth/wire/git-bytes'
import { idOf } from '../git/repository.ts'
import type { SafeGit } from '../git/safe-git.ts'
import type { TreeTools } from '../git/side-index.ts'
import { PUSHED_REF, SOURCE_REF } from '../git/source.ts'
import { withSnapshot } from './trees.ts'

/** As in the contract (`REVIEW_FILES_LIMIT`, `HUGE_FILE_LINES`). */
const FILES = 2000
const HUGE_LINES = 5000
const LIST_LIMIT_BYTES = 32 * 1024 * 1024
/** Of the packed answer: it travels in one message of the link. */
const ANSWER_CHARACTERS = 900_000
/** Above this many pairs git would spend its time comparing each new file with each that is gone. */
const PAIRS = 200_000
const FLAGS = ['-r', '--no-commit-id', '--no-ext-diff', '--no-textconv', '--no-color', '--full-index', '--no-abbrev', '--diff-algorithm=histogram', '-U3', '--inter-hunk-context=0', '--src-prefix=a/', '--dst-prefix=b/', '--ignore-submodules=dirty', '--no-relative', '-O/dev/null', '-l32767'] as const

type Result = DaemonResult<'review.read'>
interface Range { readonly git: SafeGit; readonly signal: AbortSignal; readonly base: string; readonly tree: string; readonly renames: readonly string[] }

export async function readReview(tools: TreeTools, request: DaemonParams<'review.read'>): Promise<Result> {
  const { git, signal } = tools
  const tree = await withSnapshot(tools, async (snapshot) => snapshot.tree)
  const base = request.against === null ? await sourceTree(git) : await required(git, request.against)
  const range = { git, signal, base, tree, renames: await renameFlags({ git, signal, base, tree }) }
  const only = request.only === undefined ? [] : await pathsOf(range, pathBytes(request.only))
  const whole = records(await git(diffOf(range, ['--raw', '-z'], only), { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES }))
  const stats = counts(await git(diffOf(range, ['--numstat', '-z'], only), { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES }))
  const patch = await sections(range, { only, raws: whole, stats, limitBytes: request.limitBytes })
  const cut = await fit({ raws: whole, stats, sections: patch.sections, complete: patch.complete, takesAll: request.only !== undefined })
  return {
    base, tree, ...cut, total: whole.length, sizes: await binarySizes(git, { raws: whole.slice(0, FILES), stats, signal }),
    unmerged: await unmerged(git, signal), ...await headOf(git),
  }
}

const diffOf = (range: Range, what: readonly string[], only: readonly string[]): string[] =>
  ['diff-tree', ...FLAGS, ...range.renames, ...what, range.base, range.tree, '--', ...only]

/** The same for each run over one pair of trees, so that their lists agree. */
async function renameFlags({ git, signal, base, tree }: { git: SafeGit; signal: AbortSignal; base: string; tree: string }): Promise<string[]> {
  const listed = await git(['diff-tree', '-r', '--raw', '-z', '--no-renames', base, tree], { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  const letters = listed.split('\0').filter((field) => field.startsWith(':')).map((field) => field.at(-1))
  const count = (letter: string): number => letters.filter((one) => one === letter).length
  if (count('A') * (count('D') + count('M')) <= PAIRS) return ['-M', '-C']
  return count('A') * count('D') <= PAIRS ? ['-M'] : ['--no-renames']
}

interface Raw { readonly fields: readonly Bytes[]; readonly letter: string; readonly oids: readonly [string, string] }
interface Stat { readonly fields: readonly Bytes[]; /** Null: binary. */ readonly lines: number | null }

/** A list that was cut at the limit loses its last record. */
function records(text: Bytes): Raw[] {
  const fields = text.slice(0, text.lastIndexOf('\0') + 1).split('\0').slice(0, -1)
  const raws: Raw[] = []
  for (let at = 0; at < fields.length;) {
    const meta = (fields[at] ?? '').split(' ')
    const letter = (meta[4] ?? '').charAt(0)
    const size = letter === 'R' || letter === 'C' ? 3 : 2
    if (at + size <= fields.length) raws.push({ fields: fields.slice(at, at + size), letter, oids: [meta[2] ?? '', meta[3] ?? ''] })
    at += size
  }
  return raws
}

function counts(text: Bytes): Stat[] {
  const fields = text.slice(0, text.lastIndexOf('\0') + 1).split('\0').slice(0, -1)
  const stats: Stat[] = []
  for (let at = 0; at < fields.length;) {
    const [added = '', removed = '', ...path] = (fields[at] ?? '').split('\t')
    const size = path.join('\t') === '' ? 3 : 1
    stats.push({ fields: fields.slice(at, at + size), lines: added === '-' ? null : Number(added) + Number(removed) })
    at += size
  }
  return stats
}

/** A file and what it was renamed or copied from: named alone it would be a new file. */
async function pathsOf(range: Range, path: Bytes): Promise<string[]> {
  const raws = records(await range.git(diffOf(range, ['--raw', '-z'], []), { signal: range.signal, bytes: true, limitBytes: LIST_LIMIT_BYTES }))
  const found = raws.find(({ fields }) => fields.at(-1) === path)
  if (found === undefined) throw new BerthError('not_found', `${pathText(path).slice(0, 200)} did not change`, { hint: 'read the review again' })
  // Arguments are text: a name of other bytes cannot be given to git here.
  const names = found.fields.slice(1).map((name) => Buffer.from(name, 'latin1').toString('utf8'))
  if (names.some((name) => name.includes('\ufffd'))) throw new BerthError('unsupported', 'a file whose name is not text is shown with all others only', { hint: 'accept or reject it as a whole' })
  return names.map((name) => `:(top,literal)${name}`)
}

/** Sections of the patch without those of huge files, as far as the limit goes. */
async function sections(range: Range, want: { only: readonly string[]; raws: readonly Raw[]; stats: readonly Stat[]; limitBytes: number }): Promise<{ sections: Bytes[]; complete: boolean }> {
  if (want.limitBytes <= 0) return { sections: [], complete: want.raws.length === 0 }
  const isHuge = (index: number): boolean => want.only.length === 0 && (want.stats[index]?.lines ?? 0) > HUGE_LINES
  const excluded = excludable(want.raws, isHuge)
  const paths = excluded.size === 0 ? want.only : ['.', ...[...excluded.values()].map((name) => `:(top,exclude,literal)${name}`)]
  const text = await range.git(diffOf(range, ['-p'], paths), { signal: range.signal, bytes: true, limitBytes: want.limitBytes + 1 })
  const complete = text.length <= want.limitBytes
  const all = text === '' ? [] : text.split(/^(?=diff --git )/m)
  if (!complete) all.pop()
  let at = 0
  const kept = want.raws.flatMap((raw, index) => {
    const size = excluded.has(index) ? 0 : sizeOf(raw)
    const mine = all.slice(at, at + size)
    at += size
    return isHuge(index) || mine.length < size ? [] : mine
  })
  return { sections: kept, complete }
}

/** A file that becomes a link has one section for what goes and one for what comes. */
const sizeOf = (raw: Raw): number => (raw.letter === 'T' ? 2 : 1)

/** Huge files that git need not even compare: no other file is a rename or a copy of them. */
function excludable(raws: readonly Raw[], isHuge: (index: number) => boolean): Map<number, string> {
  const sources = new Set(raws.filter(({ fields }) => fields.length === 3).map(({ fields }) => fields[1]))
  const found = new Map<number, string>()
  for (const [index, { fields }] of raws.entries()) {
    if (found.size >= EXCLUDED || !isHuge(index) || fields.length !== 2 || sources.has(fields[1])) continue
    const name = Buffer.from(fields[1] ?? '', 'latin1').toString('utf8')
    if (!name.includes('\ufffd')) found.set(index, name)
  }
  return found
}
const EXCLUDED = 100

/** Files until the answer is as large as it may be. */
async function fit(want: { raws: readonly Raw[]; stats: readonly Stat[]; sections: readonly Bytes[]; complete: boolean; takesAll: boolean }): Promise<Pick<Result, 'raw' | 'stat' | 'patch' | 'truncated'>> {
  let files = Math.min(want.raws.length, want.stats.length, FILES)
  let kept = want.sections.length
  for (;;) {
    const [raw, stat, patch] = await Promise.all([
      pack(want.raws.slice(0, files).flatMap(({ fields }) => fields).map((field) => `${field}\0`).join('')),
      pack(want.stats.slice(0, files).flatMap(({ fields }) => fields).map((field) => `${field}\0`).join('')),
      pack(want.sections.slice(0, Math.min(kept, sectionsOf(want, files))).join('')),
    ])
    const listed = raw.length + stat.length
    if (listed + patch.length <= ANSWER_CHARACTERS) return { raw, stat, patch, truncated: files < want.raws.length || kept < want.sections.length || !want.complete }
    if (listed > ANSWER_CHARACTERS / 2 && files > 1) files = Math.floor(files / 2)
    else kept = Math.floor(Math.min(kept, sectionsOf(want, files)) / 2)
  }
}

/** How many sections belong to the first files. */
function sectionsOf({ raws, stats, takesAll }: { raws: readonly Raw[]; stats: readonly Stat[]; takesAll: boolean }, files: number): number {
  let count = 0
  for (let at = 0; at < Math.min(files, raws.length); at++) count += !takesAll && (stats[at]?.lines ?? 0) > HUGE_LINES ? 0 : sizeOf(raws[at] as Raw)
  return count
}

async function binarySizes(git: SafeGit, { raws, stats, signal }: { raws: readonly Raw[]; stats: readonly Stat[]; signal: AbortSignal }): Promise<Record<string, number>> {
  const oids = [...new Set(raws.filter((_, index) => stats[index]?.lines === null).flatMap((raw) => raw.oids).filter((oid) => /^[0-9a-f]{40,64}$/.test(oid) && !/^0+$/.test(oid)))]
  if (oids.length === 0) return {}
  const told = await git(['cat-file', '--batch-check=%(objectname) %(objectsize)'], { stdin: `${oids.join('\n')}\n`, signal })
  return Object.fromEntries(told.split('\n').flatMap((line) => {
    const [, oid = '', size = ''] = /^([0-9a-f]{40,64}) (\d{1,15})$/.exec(line) ?? []
    return oid === '' ? [] : [[oid, Number(size)]]
  }))
}

async function unmerged(git: SafeGit, signal: AbortSignal): Promise<string[]> {
  const listed = await git(['ls-files', '-u', '-z'], { signal, bytes: true, limitBytes: 4 * 1024 * 1024 })
  return [...new Set(listed.split('\0').filter(Boolean).map((line) => pathText(line.slice(line.indexOf('\t') + 1))))].slice(0, FILES)
}

export async function headOf(git: SafeGit): Promise<Pick<Result, 'head' | 'branch'>> {
  const [commit, tree, branch] = await Promise.all([idOf(git, 'HEAD^{commit}'), idOf(git, 'HEAD^{tree}'), git.attempt(['symbolic-ref', '-q', '--short', 'HEAD'])])
  return { head: commit === null || tree === null ? null : { commit, tree }, branch: branch.exitCode === 0 ? branch.stdout.trim().slice(0, 1000) : null }
}

/** Of the files that differ; a renamed one is two. */
export async function changedNames({ git, signal }: TreeTools, from: string, to: string): Promise<Bytes[]> {
  const listed = await git(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to], { signal, bytes: true, limitBytes: LIST_LIMIT_BYTES })
  return listed.split('\0').filter(Boolean)
}

export const emptyTree = async (git: SafeGit): Promise<string> => (await git(['mktree'], { stdin: '' })).trim()

/** What a person sent last, or the workspace began with; nothing at all where it began empty. */
export async function sourceTree(git: SafeGit): Promise<string> {
  return (await idOf(git, `${PUSHED_REF}^{tree}`)) ?? (await idOf(git, `${SOURCE_REF}^{tree}`)) ?? emptyTree(git)
}

async function required(git: SafeGit, tree: string): Promise<string> {
  const found = await idOf(git, `${tree}^{tree}`)
  if (found === null) throw new BerthError('not_found', 'the reviewed tree is not in the repository of the workspace any more', { hint: 'the review begins anew from the source' })
  return found
}
