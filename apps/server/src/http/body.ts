/** Request bodies with a limit that holds for chunked bodies too. */
import { BerthError } from '@berth/wire'

export async function readLimited(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  refuseDeclared(request, limitBytes)
  if (!request.body) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of request.body) {
    total += chunk.length
    if (total > limitBytes) throw tooLarge(limitBytes)
    chunks.push(chunk)
  }
  const out = new Uint8Array(total)
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

export function refuseDeclared(request: Request, limitBytes: number): void {
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) throw tooLarge(limitBytes)
}

export function tooLarge(limitBytes: number): BerthError {
  return new BerthError('too_large', `the body is larger than ${limitBytes} bytes`, { hint: 'send less', details: { limitBytes } })
}
