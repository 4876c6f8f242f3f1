import { z } from 'zod'

const Fields = z.record(z.string(), z.unknown())
/** What is missing is added, at any depth; nothing is changed. */
export function filled(existing: Record<string, unknown>, wanted: Record<string, unknown>): Record<string, unknown> {
  const result = { ...existing }
  for (const [name, value] of Object.entries(wanted)) {
    const there = Fields.safeParse(result[name])
    const below = Fields.safeParse(value)
    if (result[name] === undefined) result[name] = value
    else if (there.success && below.success) result[name] = filled(there.data, below.data)
  }
  return result
}
