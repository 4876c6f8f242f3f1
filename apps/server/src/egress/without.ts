/** Bytes as they are, but with stars where one of the words stands, also across the edges of pieces. As many bytes as before. */
const STAR = '*'.charCodeAt(0)

export function without(words: readonly string[]): TransformStream<Uint8Array, Uint8Array> {
  const needles = [...new Set(words)].filter((word) => word !== '').map((word) => Buffer.from(word))
  const longest = Math.max(1, ...needles.map(({ length }) => length))
  let held: Buffer = Buffer.alloc(0)
  const starred = (bytes: Buffer): Buffer => {
    for (const needle of needles) for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) bytes.fill(STAR, at, at + needle.length)
    return bytes
  }
  return new TransformStream({
    transform(piece, controller) {
      const bytes = starred(Buffer.concat([held, piece]))
      // What may be the beginning of one waits for the next piece.
      const sure = Math.max(0, bytes.length - longest + 1)
      if (sure > 0) controller.enqueue(new Uint8Array(bytes.subarray(0, sure)))
      held = bytes.subarray(sure)
    },
    flush(controller) { if (held.length > 0) controller.enqueue(new Uint8Array(held)) },
  })
}

/** Text with one place instead of another, also across the edges of pieces. */
export function led(from: string, to: string): TransformStream<Uint8Array, Uint8Array> {
  const needle = Buffer.from(from)
  const put = new Uint8Array(Buffer.from(to))
  let held: Buffer = Buffer.alloc(0)
  return new TransformStream({
    transform(piece, controller) {
      let rest = Buffer.concat([held, piece])
      for (let at = rest.indexOf(needle); at >= 0; at = rest.indexOf(needle)) {
        if (at > 0) controller.enqueue(new Uint8Array(rest.subarray(0, at)))
        controller.enqueue(put)
        rest = rest.subarray(at + needle.length)
      }
      const sure = Math.max(0, rest.length - needle.length + 1)
      if (sure > 0) controller.enqueue(new Uint8Array(rest.subarray(0, sure)))
      held = rest.subarray(sure)
    },
    flush(controller) { if (held.length > 0) controller.enqueue(new Uint8Array(held)) },
  })
}
