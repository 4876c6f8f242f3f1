/** What two sides made of the same beginning, path by path. Pure: a rule about names and object ids, not about lines. */
import type { Bytes } from '@berth/wire/git-bytes'
import type { TreeEntry } from '@berth/wire/review-methods'

export interface Change { readonly path: Bytes; readonly from: TreeEntry; readonly to: TreeEntry }
export interface ThreeWay {
  /** Of theirs, what can be put on ours without touching anything that ours changed. */
  readonly apply: readonly Change[]
  /** Of theirs, what ours changed to something else, or stands in the way of. */
  readonly conflicts: readonly { readonly theirs: Change; /** What must go so that theirs can come. */ readonly inTheWay: readonly Change[] }[]
}

export function threeWay(ours: readonly Change[], theirs: readonly Change[]): ThreeWay {
  const mine = new Map(ours.map((change) => [change.path, change]))
  const present = ours.filter(({ to }) => to !== null)
  const below = directoriesOf(present)
  const apply: Change[] = []
  const conflicts: ThreeWay['conflicts'][number][] = []
  for (const change of theirs) {
    const own = mine.get(change.path)
    if (own !== undefined && sameEntry(own.to, change.to)) continue
    const blocking = change.to === null ? [] : [...(below.get(change.path) ?? []), ...above(change.path, mine)]
    if (own === undefined && blocking.length === 0) apply.push(change)
    else conflicts.push({ theirs: { ...change, from: own === undefined ? change.from : own.to }, inTheWay: blocking })
  }
  return { apply, conflicts }
}

/** The conflicts decided for theirs. */
export function forced({ apply, conflicts }: ThreeWay): Change[] {
  const gone = new Map(conflicts.flatMap(({ inTheWay }) => inTheWay.map((change) => [change.path, { path: change.path, from: change.to, to: null }] as const)))
  const wanted = [...apply, ...conflicts.map(({ theirs }) => theirs)]
  for (const { path } of wanted) gone.delete(path)
  return [...gone.values(), ...wanted]
}

export function sameEntry(a: TreeEntry, b: TreeEntry): boolean {
  return a === null || b === null ? a === b : a.mode === b.mode && a.oid === b.oid
}

/** By directory: what stands somewhere below it. */
function directoriesOf(changes: readonly Change[]): Map<Bytes, Change[]> {
  const found = new Map<Bytes, Change[]>()
  for (const change of changes) {
    for (const parent of parentsOf(change.path)) {
      const list = found.get(parent)
      if (list === undefined) found.set(parent, [change])
      else list.push(change)
    }
  }
  return found
}

/** A file where this path needs a directory. */
function above(path: Bytes, mine: ReadonlyMap<Bytes, Change>): Change[] {
  return parentsOf(path).flatMap((parent) => {
    const change = mine.get(parent)
    return change === undefined || change.to === null ? [] : [change]
  })
}

/** From the top. */
export function parentsOf(path: Bytes): Bytes[] {
  const parents: Bytes[] = []
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) parents.push(path.slice(0, at))
  return parents
}

/** What becomes of the branch that is checked out. */
export type HeadPlan = 'keep' | 'move' | 'diverged'
export interface Heads {
  /** The person's commit; null: their code is in no repository. */
  readonly theirs: string | null
  readonly ours: string | null
  /** What the person had when they sent last; null: not known. */
  readonly base: string | null
  readonly theirsBelowOurs: boolean
  readonly oursBelowTheirs: boolean
}

export function decideHead({ theirs, ours, base, theirsBelowOurs, oursBelowTheirs }: Heads): HeadPlan {
  if (theirs === null || theirs === ours || theirs === base) return 'keep'
  // Rewritten by the person, or gone back, and nothing of the agent's stands on what was there: it is the person's own.
  if (ours === null || oursBelowTheirs || ours === base) return 'move'
  return theirsBelowOurs ? 'keep' : 'diverged'
}
