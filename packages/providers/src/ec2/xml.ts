/** An answer of Amazon EC2: elements and texts. Attributes, comments and the like decide about nothing and are passed over. */
export interface Element { readonly name: string; readonly text: string; readonly parts: readonly Element[] }

const DEPTH = 32
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const TOKEN = /<\?[^>]*\?>|<!--[\s\S]*?-->|<\/([\w:.-]+)\s*>|<([\w:.-]+)(?:\s[^<>]*?)?(\/?)>|([^<]+)/gy

/** Throws where it does not end as it began: a part of an answer is no answer. */
export function parseXml(text: string): Element {
  const root = { name: '', text: '', parts: [] as Element[] }
  const open: { name: string; text: string; parts: Element[] }[] = [root]
  let at = 0
  for (const [token, closes, opens, alone, words] of text.matchAll(TOKEN)) {
    at += token.length
    const top = open[open.length - 1]
    if (top === undefined || open.length > DEPTH) throw new Error('the answer is no XML')
    if (words !== undefined) top.text += decoded(words)
    else if (opens !== undefined) {
      const element = { name: opens, text: '', parts: [] }
      top.parts.push(element)
      if (alone === '') open.push(element)
    } else if (closes !== undefined) {
      if (open.length === 1 || top.name !== closes) throw new Error('the answer is no XML')
      open.pop()
    }
  }
  const [whole] = root.parts
  if (at !== text.length || open.length !== 1 || whole === undefined || root.parts.length !== 1) throw new Error('the answer is no XML, or not all of it')
  return whole
}

const decoded = (text: string): string => text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, decimal?: string, hex?: string, name?: string) => {
  if (name !== undefined) return NAMED[name] ?? all
  return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal))
})

export function partOf(element: Element, ...path: readonly string[]): Element | null {
  let at: Element | undefined = element
  for (const name of path) at = at?.parts.find((part) => part.name === name)
  return at ?? null
}
/** '': there is none. */
export const textOf = (element: Element, ...path: readonly string[]): string => partOf(element, ...path)?.text.trim() ?? ''
export const itemsOf = (element: Element, ...path: readonly string[]): readonly Element[] => partOf(element, ...path)?.parts.filter(({ name }) => name === 'item') ?? []
