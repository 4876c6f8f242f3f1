/** The two streams of a command: results on stdout, progress and colour for people on stderr. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  red(text: string): string
  yellow(text: string): string
  blue(text: string): string
}
export interface Io {
  /** A result, one line. */
  out(text: string): void
  /** Progress or advice, one line. */
  note(text: string): void
  /** Colours where stdout (`style`) or stderr (`noteStyle`) is a terminal that wants them. */
  readonly style: Style
  readonly noteStyle: Style
  /** How wide stdout and stderr are; without end where they are no terminal. */
  readonly columns: number
  readonly noteColumns: number
  /** Both ends are a person's: questions may be asked. */
  readonly interactive: boolean
  /** Stderr is a terminal whose lines can be redrawn; else its width is null. */
  readonly redraw: { readonly columns: number; write(text: string): void } | null
  ask(question: string): Promise<string>
}

const plain = (text: string): string => text
const PLAIN: Style = { bold: plain, dim: plain, green: plain, red: plain, yellow: plain, blue: plain }
const paint = (on: number, off: number) => (text: string) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`)
const COLOUR: Style = { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), red: paint(31, 39), yellow: paint(33, 39), blue: paint(34, 39) }

export function createIo(): Io {
  const wanted = !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  const terminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb'
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    style: wanted && process.stdout.isTTY ? COLOUR : PLAIN,
    noteStyle: wanted && process.stderr.isTTY ? COLOUR : PLAIN,
    columns: process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY,
    noteColumns: process.stderr.isTTY ? process.stderr.columns || 80 : Number.POSITIVE_INFINITY,
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    redraw: terminal ? { get columns() { return process.stderr.columns || 80 }, write: (text) => void process.stderr.write(text) } : null,
    async ask(question) {
      const { createInterface } = await import('node:readline/promises')
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      // Ctrl-D is no answer; Ctrl-C ends the command as it does anywhere else, only that the terminal is in raw mode here.
      const closed = Promise.withResolvers<string>()
      lines.once('close', () => closed.resolve(''))
      lines.once('SIGINT', () => {
        process.emit('SIGINT')
        lines.close()
      })
      try {
        return (await Promise.race([lines.question(question), closed.promise])).trim()
      } finally {
        lines.close()
      }
    },
  }
}

/** `width` counts what is seen, not the bytes of colours. */
export function visibleWidth(text: string): number {
  return Bun.stringWidth(text)
}

/** Narrower than this, a column of words is harder to read than one that the terminal breaks. */
const MINIMUM_COLUMNS = 20

/** Text behind a lead: broken between words to fit, every further line indented to where the first began. */
export function hang(lead: string, text: string, columns: number): string {
  const indent = visibleWidth(lead)
  const left = columns - indent
  const lines = text.split('\n').flatMap((line) => (visibleWidth(line) <= left || left < MINIMUM_COLUMNS ? [line] : Bun.wrapAnsi(line, left).split('\n')))
  return lines.map((line, index) => (index === 0 ? lead : ' '.repeat(indent)) + line.trimEnd()).join('\n').trimEnd()
}

/** Columns as wide as their widest cell, two spaces between them; the last one takes what is left, on several lines if it must. */
export function table(rows: readonly (readonly string[])[], columns = Number.POSITIVE_INFINITY): string[] {
  const widths: number[] = []
  for (const row of rows) row.slice(0, -1).forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell))))
  const padded = (cell: string, column: number): string => cell + ' '.repeat((widths[column] ?? 0) - visibleWidth(cell) + 2)
  return rows.map((row) => hang(row.slice(0, -1).map(padded).join(''), row.at(-1) ?? '', columns))
}
