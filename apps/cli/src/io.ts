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
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    redraw: terminal ? { get columns() { return process.stderr.columns || 80 }, write: (text) => void process.stderr.write(text) } : null,
    async ask(question) {
      const { createInterface } = await import('node:readline/promises')
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return (await lines.question(question)).trim()
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

/** Columns as wide as their widest cell, two spaces between them, the last one free. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell))))
  return rows.map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - visibleWidth(cell) + 2))).join('').trimEnd())
}
