/** Reading of requests whose shape belongs to others: absent or wrong parts are empty, never an error. */
export type Json = Readonly<Record<string, unknown>>

export const object = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {})
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const string = (value: unknown): string => (typeof value === 'string' ? value : '')
/** The text in a string, or in a list of parts that have `text` or nested `content`. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).filter((text) => text !== '').join('\n')
  const part = object(value)
  return typeof part['text'] === 'string' ? part['text'] : part['content'] === undefined ? '' : textOf(part['content'])
}
/** Names of the arguments in a JSON schema. */
export function schemaNames(schema: unknown): { properties: string[]; required: string[] } {
  const parsed = object(schema)
  return { properties: Object.keys(object(parsed['properties'])), required: list(parsed['required']).map(string) }
}
export const sseData = (data: unknown, event?: string): string => `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
/** Cuts a text into about `pieces` parts, never inside a surrogate pair. */
export function cut(text: string, pieces: number): string[] {
  const points = Array.from(text)
  const size = Math.max(1, Math.ceil(points.length / Math.max(1, pieces)))
  const parts: string[] = []
  for (let at = 0; at < points.length; at += size) parts.push(points.slice(at, at + size).join(''))
  return parts.length === 0 ? [''] : parts
}
