/** What a request brings, read by the description of its operation. */
import type { z } from 'zod'
import { Refusal } from './model.ts'

/** As the description has it, and not as the world is. */
export class Malformed extends Refusal {}

export async function takenBy({ method, takes }: { readonly method: string; readonly takes: z.ZodType }, request: Request, url: URL): Promise<unknown> {
  const text = method === 'GET' ? '' : await request.text()
  const read = takes.safeParse(method === 'GET' ? Object.fromEntries(url.searchParams) : parsed(text))
  if (read.success) return read.data
  throw new Malformed(400, 'INVALID_REQUEST', read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
}

function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    throw new Malformed(400, 'INVALID_REQUEST', 'the body is no JSON')
  }
}
