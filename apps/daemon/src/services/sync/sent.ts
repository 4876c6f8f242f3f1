/** A commit that a person's side made of their directory: its tree is the worktree, its parents are HEAD and the index. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { TreeEntry } from '@berth/wire/review-methods'
import { SENT_TRAILERS } from '@berth/wire/sent-message'
import { idOf } from '../git/repository.ts'
import type { SafeGit } from '../git/safe-git.ts'
import type { Change } from './three-way.ts'

export interface Sent {
  readonly commit: string
  readonly tree: string
  readonly parents: readonly string[]
  /** Null: the code is in no repository. */
  readonly head: string | null
  /** The tree of the index. */
  readonly index: string | null
  /** Which clone of which machine it was; null: not said. */
  readonly from: string | null
  /** Paths that only came because they were named. */
  readonly included: readonly Bytes[]
}

const MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024
const LIST_LIMIT_BYTES = 256 * 1024 * 1024

export async function readSent(git: SafeGit, commit: string): Promise<Sent | null> {
  const told = await git.attempt(['cat-file', 'commit', commit], { bytes: true, limitBytes: MESSAGE_LIMIT_BYTES })
  if (told.exitCode !== 0) return null
  const [header = '', ...message] = told.stdout.split('\n\n')
  const parents = [...header.matchAll(/^parent ([0-9a-f]{40,64})$/gm)].map(([, id = '']) => id)
  const tree = /^tree ([0-9a-f]{40,64})$/m.exec(header)?.[1]
  if (tree === undefined) return null
  const trailer = (name: string): string | null => new RegExp(`^${name}: (.*)$`, 'm').exec(message.join('\n\n'))?.[1] ?? null
  return {
    commit, tree, parents, head: parents[0] ?? null, index: parents[1] === undefined ? null : await idOf(git, `${parents[1]}^{tree}`),
    from: trailer(SENT_TRAILERS.from), included: pathsIn(trailer(SENT_TRAILERS.included)),
  }
}

function pathsIn(json: string | null): Bytes[] {
  try {
    const parsed: unknown = JSON.parse(json ?? '[]')
    return Array.isArray(parsed) ? parsed.filter((path): path is string => typeof path === 'string') : []
  } catch {
    return []
  }
}

/** Of `git diff-tree -r -z --raw --no-renames --no-abbrev` and its like. */
export function readRaw(listed: Bytes): Change[] {
  const fields = listed.split('\0')
  const changes: Change[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [fromMode = '', toMode = '', fromId = '', toId = ''] = (fields[at] ?? '').replace(/^:/, '').split(' ')
    changes.push({ path: fields[at + 1] ?? '', from: entry(fromMode, fromId), to: entry(toMode, toId) })
  }
  return changes
}

const entry = (mode: string, oid: string): TreeEntry => (mode === '000000' ? null : { mode, oid })

export async function changesBetween(git: SafeGit, from: string, to: string, signal: AbortSignal): Promise<Change[]> {
  return from === to ? [] : readRaw(await git(['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from, to], { bytes: true, limitBytes: LIST_LIMIT_BYTES, signal }))
}

/** As `update-index --index-info` reads them; what goes, goes first. */
export function indexLines(changes: readonly Change[]): Uint8Array {
  const lines = [...changes].sort((a, b) => Number(a.to !== null) - Number(b.to !== null))
    .map(({ path, from, to }) => (to === null ? `0 ${'0'.repeat(from?.oid.length ?? 40)}\t${path}\0` : `${to.mode} ${to.oid}\t${path}\0`))
  return Buffer.from(lines.join(''), 'latin1')
}
