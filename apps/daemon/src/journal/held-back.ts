/**
 * Masking of text that comes in pieces: a secret may begin in one and end in a later one, so the end of what is there
 * is held back while it could be the beginning of a secret.
 */
import { SECRET_MIN_LENGTH } from './mask.ts'

/** How many units at the end of the text may not be shown yet. */
export type HoldBack = (text: string) => number

export function createHoldBack(secrets: Iterable<string>): HoldBack {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < SECRET_MIN_LENGTH) continue
    for (const form of [secret, encodeURIComponent(secret.toWellFormed()), Buffer.from(secret).toString('base64'), ...secret.split(/\r?\n/)]) {
      for (const bare of [bareOf(form, 'escapes').text, bareOf(form, 'letters').text]) if (bare.length >= SECRET_MIN_LENGTH) forms.add(bare)
    }
  }
  if (forms.size === 0) return () => 0
  const longest = Math.max(...[...forms].map((form) => form.length))
  const first = new Set([...forms].map((form) => form.charAt(0)))
  const heldIn = (text: string, reading: Reading): number => {
    const bare = bareOf(text, reading)
    for (let at = Math.max(0, bare.text.length - longest + 1); at < bare.text.length; at++) {
      if (!first.has(bare.text.charAt(at))) continue
      const end = bare.text.slice(at)
      for (const form of forms) if (form.startsWith(end)) return text.length - (bare.at[at] ?? 0)
    }
    return 0
  }
  return (text) => {
    // An escaped unit takes six of the text, or more.
    const end = text.slice(-longest * 8)
    return Math.max(heldIn(end, 'escapes'), heldIn(end, 'letters'))
  }
}

/** What follows a backslash: `\n` is a line's end in JSON, and two letters in a path of Windows. */
type Reading = 'escapes' | 'letters'

/**
 * Without case, white space and backslashes, so that every way the masker knows to write a secret is one: more agrees
 * in this form than the masker takes out, which costs a moment's delay and shows nothing.
 */
function bareOf(text: string, reading: Reading): { text: string; at: number[] } {
  const units: string[] = []
  const at: number[] = []
  const take = (unit: string, place: number): void => {
    if (/\s/.test(unit)) return
    // A single unit: the whole string's lower case may be longer than it.
    units.push(unit.toLowerCase().charAt(0))
    at.push(place)
  }
  for (let place = 0; place < text.length; place++) {
    const start = place
    while (text[place] === '\\') place++
    if (place >= text.length) break
    const escape = start === place || reading === 'letters' ? null : /^(?:u([0-9a-f]{4})|[nrt])/i.exec(text.slice(place, place + 5))
    if (escape === null) take(text.charAt(place), start)
    else {
      if (escape[1] !== undefined) take(String.fromCharCode(Number.parseInt(escape[1], 16)), start)
      place += escape[0].length - 1
    }
  }
  return { text: units.join(''), at }
}
