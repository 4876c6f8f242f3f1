/** What a container said, as the engine sends it. */

/** Frames of 8 header bytes (stream, three zeros, big-endian length) and their payload. `only`: 1 is standard output, 2 standard error. */
export function demultiplex(bytes: Uint8Array, only?: 1 | 2): Uint8Array {
  const parts: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4)
    if (only === undefined || bytes[at] === only) parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts)
}
