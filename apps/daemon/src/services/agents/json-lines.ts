/** JSON, a line each, as programs say it over a socket or a pipe. What they say may be anything. */
import type { z } from 'zod'

/** Splits a byte stream into lines; a line above the limit is an error. */
export function lineReader(onLine: (line: string) => void, onTooLong: () => void, limitBytes: number): (chunk: Buffer) => void {
  let pending: Buffer[] = []
  let size = 0
  return (chunk) => {
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      onLine(Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8'))
      pending = []
      size = 0
      rest = rest.subarray(end + 1)
    }
    if (rest.length === 0) return
    pending.push(rest)
    size += rest.length
    if (size > limitBytes) onTooLong()
  }
}

/** Null: it is no JSON. */
export function parseJson(text: string): unknown {
  try { return JSON.parse(text) } catch { return null }
}

/** Null: it is not what the schema says. */
export function parseLine<T>(schema: z.ZodType<T>, line: string): T | null {
  const parsed = schema.safeParse(parseJson(line))
  return parsed.success ? parsed.data : null
}
