/** Where a project keeps its devcontainer: the places of the specification, in its order. */

/** So many paths say enough of a project: the names at its root, and those of the devcontainer files. */
export const OUTLINE_LIMIT = 2000

const NAMED = /^\.devcontainer\/([^/]+)\/devcontainer\.json$/

/** `outline`: paths of files from the root of the code. `others`: configurations that were not chosen. */
export function findDevcontainer(outline: readonly string[]): { path: string; others: readonly string[] } | null {
  const there = new Set(outline)
  const named = outline.filter((path) => NAMED.test(path)).sort()
  const found = [...['.devcontainer/devcontainer.json', '.devcontainer.json'].filter((path) => there.has(path)), ...named]
  const [path, ...others] = found
  return path === undefined ? null : { path, others }
}
