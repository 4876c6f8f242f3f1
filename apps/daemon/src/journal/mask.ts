/** Takes known secret values out of whatever is journaled, however often they were escaped on their way. */

export const MASK = '[masked]'
/** Shorter values would mask ordinary words. */
export const SECRET_MIN_LENGTH = 8
/** A line of a key file is shown by itself; shorter ones are headers and padding. */
const LINE_MIN_LENGTH = 16

export type Masker = (value: unknown) => unknown

export function createMasker(secrets: Iterable<string>): Masker {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < SECRET_MIN_LENGTH) continue
    forms.add(patternOf(secret))
    forms.add(patternOf(encodeURIComponent(secret.toWellFormed())))
    forms.add(patternOf(Buffer.from(secret).toString('base64')))
    for (const line of secret.split(/\r?\n/)) if (line.trim().length >= LINE_MIN_LENGTH) forms.add(patternOf(line.trim()))
  }
  if (forms.size === 0) return (value) => value
  // Longest first, so that a secret within another one does not leave the rest of it standing.
  const pattern = new RegExp([...forms].toSorted((a, b) => b.length - a.length).join('|'), 'gi')
  return (value) => maskValue(value, pattern)
}

function maskValue(value: unknown, pattern: RegExp): unknown {
  if (typeof value === 'string') return value.replace(pattern, MASK)
  if (Array.isArray(value)) return value.map((item) => maskValue(item, pattern))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.replace(pattern, MASK), maskValue(item, pattern)]))
}

/** Matches the text as it is and as JSON inside JSON writes it: `\"`, `\\n`, `é`, `\/`, at any depth. */
function patternOf(text: string): string {
  let out = ''
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (/[A-Za-z0-9]/.test(char)) out += char
    else if (char === '\\') {
      // A run of them is one: how many there are depends on the depth only.
      while (text.charAt(at + 1) === '\\') at += 1
      out += '\\\\+'
    } else if (char === '\r' && text.charAt(at + 1) === '\n') continue
    else out += `(?:${[...escapesOf(char)].join('|')})`
  }
  return out
}

function escapesOf(char: string): Set<string> {
  const unicode = `\\\\+u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  switch (char) {
    case '\n': return new Set(['\\r?\\n', '(?:\\\\+r)?\\\\+n', unicode])
    case '\r': return new Set(['\\r', '\\\\+r', unicode])
    case '\t': return new Set(['\\t', '\\\\+t', unicode])
    default: return new Set([`\\\\*${literal(char)}`, unicode])
  }
}

function literal(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
