/**
 * What an agent wrote, made safe to look at. The page never parses it as HTML; what is left to fear is text that
 * looks like another text: terminal sequences, direction overrides, characters without a shape.
 */

/** Colours, titles, links and the like; an unfinished one ends with the text. */
const ESC = '\u001b'
const TERMINAL_SEQUENCE = new RegExp(`${ESC}(?:\\[[0-?]*[ -/]*[@-~]?|[\\]PX^_][^\u0007${ESC}]*(?:\u0007|${ESC}\\\\)?|[ -/]*[0-~]?)`, 'g')
const CONTROLS = '\u0000-\u0008\u000b-\u001f\u007f-\u009f'
const OVERRIDES = '\u202a-\u202e\u2066-\u2069'
/** In prose, right-to-left scripts and joined emoji are legitimate; controls and overrides are not. */
const ODD_IN_PROSE = new RegExp(`[${CONTROLS}${OVERRIDES}]`, 'gu')
/** In a command nothing invisible is. */
const ODD_IN_COMMAND = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u3164\uffa0]/gu

/** Output and prose: the sequences are dropped, the rest of the odd characters is spelled out. */
export function inert(text: string): string {
  return text.replace(TERMINAL_SEQUENCE, '').replace(/\r\n?/g, '\n').replace(ODD_IN_PROSE, spelled)
}

export type Piece = { odd: boolean; text: string }

/** A command or a path that somebody decides about: every character of it is seen, in the order in which it runs. */
export function revealed(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const match of text.matchAll(ODD_IN_COMMAND)) {
    if (match[0] === '\n' || match[0] === '\t') continue
    if (match.index > from) pieces.push({ odd: false, text: text.slice(from, match.index) })
    pieces.push({ odd: true, text: spelled(match[0]) })
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push({ odd: false, text: text.slice(from) })
  return pieces
}

function spelled(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`
}

/** One line of output longer than this says nothing to a reader, and costs the browser seconds to lay out. */
export const LINE_LIMIT = 2000
/** Of one piece of text on the page. */
const TEXT_LIMIT = 200_000

/** The last lines of a text, each cut to a length that can be laid out; how many were left out before them. */
export function shortened(text: string, lines: number): { shown: string; hidden: number } {
  const tail = text.length > TEXT_LIMIT ? text.slice(-TEXT_LIMIT) : text
  const all = tail.replace(/\n$/, '').split('\n')
  const hidden = Math.max(0, all.length - lines)
  const shown = all.slice(hidden).map((line) => (line.length > LINE_LIMIT ? `${line.slice(0, LINE_LIMIT)} … ${line.length - LINE_LIMIT} more characters` : line))
  if (tail.length < text.length && hidden === 0) shown.unshift(`… ${text.length - tail.length} characters before`)
  return { shown: shown.join('\n'), hidden }
}
