/** What a decision is bound to: the same request asked again has the same hash, any other has another. */
import { createHash } from 'node:crypto'

export function contentHash(request: { sessionId: string; tool: string; input: unknown; cwd: string | null }): string {
  return createHash('sha256').update(canonical(request)).digest('hex')
}
/** JSON with the keys of every object in order. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
