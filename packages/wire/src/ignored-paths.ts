/**
 * Which paths git ignores, by `git check-ignore -z --stdin` in the top directory. At a path beyond a link or in a repository
 * of its own git gives up, and says nothing of those behind it: they are asked again without it.
 */
import type { Bytes } from './git-bytes.ts'

export interface IgnoredPaths {
  readonly ignored: readonly Bytes[]
  /** Git refuses to look there: they are no files of this tree, and can be neither added nor ignored. */
  readonly beyond: readonly Bytes[]
}
/** `input` for git's standard input, one character a byte; so is what it prints. */
export type AskGit = (input: Bytes) => Promise<{ readonly code: number; readonly stdout: Bytes }>

export async function ignoredPaths(paths: readonly Bytes[], ask: AskGit): Promise<IgnoredPaths> {
  // What git refuses is a directory above the file, so all files of one directory fare alike.
  const byDirectory = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf('/') + 1))
  return askedIn([...byDirectory.values()], ask)
}

/** By halves: a few refused directories among thousands cost a few processes each. */
async function askedIn(groups: readonly (readonly Bytes[])[], ask: AskGit): Promise<IgnoredPaths> {
  const paths = groups.flat()
  if (paths.length === 0) return { ignored: [], beyond: [] }
  // As it is, a name that begins with a colon would be read as git's own word.
  const { code, stdout } = await ask(paths.map((path) => `./${path}\0`).join(''))
  // 1: none of them is ignored.
  if (code === 0 || code === 1) return { ignored: stdout.split('\0').filter(Boolean).map((path) => path.slice(2)), beyond: [] }
  if (groups.length === 1) return { ignored: [], beyond: paths }
  const half = groups.length >> 1
  const [first, second] = [await askedIn(groups.slice(0, half), ask), await askedIn(groups.slice(half), ask)]
  return { ignored: [...first.ignored, ...second.ignored], beyond: [...first.beyond, ...second.beyond] }
}
