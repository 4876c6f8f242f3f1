/** How a cell of the screen looks: the codes of SGR that are in force, kept with its character. */

/** No program's character is one: control characters move and are not shown. */
const SPLIT = '\u0000'

export const withLook = (codes: string, character: string): string => (codes === '' ? character : `${codes}${SPLIT}${character}`)
export const plainOf = (cell: string): string => cell.slice(cell.indexOf(SPLIT) + 1)
const lookOf = (cell: string): string => cell.slice(0, Math.max(0, cell.indexOf(SPLIT)))

/** One line with its colours, which end with it. */
export function lineWithLooks(cells: readonly string[]): string {
  let end = cells.length
  while (end > 0 && cells[end - 1] === ' ') end -= 1
  let line = ''
  let now = ''
  for (const cell of cells.slice(0, end)) {
    // The second half of a wide character is empty, and looks as the first.
    if (cell === '') continue
    const look = lookOf(cell)
    if (look !== now) line += look === '' ? '\u001b[0m' : `\u001b[0;${look}m`
    now = look
    line += plainOf(cell)
  }
  return now === '' ? line : `${line}\u001b[0m`
}

/** What each of these takes back. */
const ENDS: Readonly<Record<number, readonly number[]>> = { 22: [1, 2], 23: [3], 24: [4], 25: [5, 6], 27: [7], 28: [8], 29: [9] }

/** One of the eight colours, or of the eight bright ones. */
const isOf = (code: number, first: number): boolean => (code >= first && code <= first + 7) || (code >= first + 60 && code <= first + 67)

export function createLook(): { take(parameters: readonly number[]): void; codes(): string } {
  let flags = new Set<number>()
  let [fore, back] = ['', '']
  let codes = ''
  const simple = (code: number): void => {
    const ends = ENDS[code]
    if (code === 0 || Number.isNaN(code)) [flags, fore, back] = [new Set(), '', '']
    else if (code <= 9) flags.add(code)
    else if (ends !== undefined) for (const ended of ends) flags.delete(ended)
    else if (code === 39) fore = ''
    else if (code === 49) back = ''
    else if (isOf(code, 30)) fore = String(code)
    else if (isOf(code, 40)) back = String(code)
  }
  return {
    take(parameters) {
      for (let at = 0; at < parameters.length; at += 1) {
        const code = parameters[at] ?? 0
        if (code !== 38 && code !== 48) {
          simple(code)
          continue
        }
        const used = parameters[at + 1] === 5 ? 3 : parameters[at + 1] === 2 ? 5 : 1
        const colour = used === 1 ? '' : parameters.slice(at, at + used).join(';')
        if (code === 38) fore = colour
        else back = colour
        at += used - 1
      }
      codes = [...flags, fore, back].filter((part) => part !== '').join(';')
    },
    codes: () => codes,
  }
}
