/** How well a path answers what somebody typed: its letters in order, best at the beginnings of words and in the file's own name. Pure. */

const START_OF_WORD = 8
const NEXT_LETTER = 5
const IN_NAME = 6
const EXACT_NAME = 40

/** Null: it does not. Higher is better. */
export function fuzzyScore(path: string, query: string): number | null {
  const wanted = query.toLowerCase().replace(/\s+/g, '')
  if (wanted === '') return -path.length
  const text = path.toLowerCase()
  const nameAt = text.lastIndexOf('/') + 1
  const inName = run(path, text, { wanted, from: nameAt })
  const score = inName === null ? run(path, text, { wanted, from: 0 }) : inName + IN_NAME * wanted.length + (text.slice(nameAt).startsWith(wanted) ? EXACT_NAME : 0)
  return score === null ? null : score - path.length / 10
}

/** The first letters that fit, from left to right. */
function run(path: string, text: string, { wanted, from }: { wanted: string; from: number }): number | null {
  let score = 0
  let at = from - 1
  for (const letter of wanted) {
    const found = text.indexOf(letter, at + 1)
    if (found < 0) return null
    if (found === at + 1) score += NEXT_LETTER
    if (startsWord(path, found)) score += START_OF_WORD
    at = found
  }
  return score
}

function startsWord(path: string, at: number): boolean {
  const [before = '', here = ''] = [path[at - 1], path[at]]
  return at === 0 || /[/._\- ]/.test(before) || (/[a-z0-9]/.test(before) && /[A-Z]/.test(here))
}

export function bestMatches(paths: Iterable<string>, query: string, limit: number): { paths: string[]; truncated: boolean } {
  const scored: { path: string; score: number }[] = []
  for (const path of paths) {
    const score = fuzzyScore(path, query)
    if (score !== null) scored.push({ path, score })
  }
  scored.sort((one, other) => other.score - one.score || one.path.localeCompare(other.path))
  return { paths: scored.slice(0, limit).map(({ path }) => path), truncated: scored.length > limit }
}
