/**
 * Which commits of a repository somebody else has: what a person pushed, and what a person fetched whole. Each is a ref
 * that git shows nobody; what no such ref holds is work that would be lost with the repository.
 */

/** Shown to nobody (`transfer.hideRefs`). */
export const HAD = 'refs/berth/had'
/** A fetch that names more asks for no more than it names. */
const REQUEST_LIMIT_BYTES = 1024 * 1024

/** What a fetch asks for; nothing, where it does not bring whole histories. Pure. */
export function wantsOf(request: Uint8Array): string[] {
  const text = Buffer.from(request).toString('latin1')
  // Each line is a packet: four digits, then the words.
  if (/[0-9a-f]{4}(?:deepen|filter|shallow)[ -]/.test(text)) return []
  return [...new Set([...text.matchAll(/[0-9a-f]{4}want ([0-9a-f]{64}|[0-9a-f]{40})(?=[ \n0]|$)/g)].map(([, id = '']) => id))]
}

/** Passes the request on, and tells its beginning when it came to its end; null: it was longer than anything honest. */
export function overheard(body: ReadableStream<Uint8Array>): { body: ReadableStream<Uint8Array>; request(): Uint8Array | null } {
  const parts: Uint8Array[] = []
  let size = 0
  return {
    body: body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.length
        if (size <= REQUEST_LIMIT_BYTES) parts.push(chunk)
        controller.enqueue(chunk)
      },
    })),
    request: () => (size > REQUEST_LIMIT_BYTES ? null : new Uint8Array(Buffer.concat(parts))),
  }
}
