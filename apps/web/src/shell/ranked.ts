/** What is meant by some letters: the name that begins with them, then one that holds them, then one that has them in order. Pure. */
interface Named { readonly group: string; readonly label: string; readonly detail: string }

const FILES = 'Files'
const NO = 9

/** 0 is best; `NO`: not at all. The server chose the files. */
function distance({ group, label, detail }: Named, query: string): number {
  const name = label.toLowerCase()
  if (query === '') return 0
  if (name.startsWith(query)) return 0
  if (name.includes(query)) return 1
  if (inOrder(name, query)) return 2
  if (group === FILES) return 3
  return inOrder(`${name} ${detail.toLowerCase()}`, query) ? 4 : NO
}

function inOrder(text: string, query: string): boolean {
  let from = 0
  for (const letter of query) {
    from = text.indexOf(letter, from) + 1
    if (from === 0) return false
  }
  return true
}

/** Groups stay together; the one with the best comes first. */
export function ranked<E extends Named>(entries: readonly E[], text: string): E[] {
  const query = text.toLowerCase().replaceAll(' ', '')
  const far = new Map(entries.map((entry) => [entry, distance(entry, query)]))
  const found = entries.filter((entry) => far.get(entry) !== NO)
  const bestOf = new Map<string, number>()
  for (const entry of found) bestOf.set(entry.group, Math.min(bestOf.get(entry.group) ?? NO, far.get(entry) ?? NO))
  const groups = [...bestOf.keys()]
  const order = (entry: E) => (bestOf.get(entry.group) ?? NO) * 1000 + groups.indexOf(entry.group) * 10 + (far.get(entry) ?? NO)
  return found.toSorted((one, other) => order(one) - order(other))
}
