/** A body in one piece, and no more of it than that. */
export async function wholeBody(body: ReadableStream<Uint8Array>, limitBytes: number): Promise<Uint8Array<ArrayBuffer> | 'too long'> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > limitBytes) return 'too long'
    pieces.push(piece)
  }
  return new Uint8Array(Buffer.concat(pieces))
}
