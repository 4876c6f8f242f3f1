/** The last bytes a program wrote. */
export interface Ring { push(bytes: Uint8Array): void; /** From the beginning of a line, when older bytes were dropped. */ read(): Uint8Array }

const LINE_FEED = 10

export function createRing(limitBytes: number): Ring {
  let chunks: Uint8Array[] = []
  let size = 0
  let dropped = false
  return {
    push(bytes) {
      chunks.push(bytes.slice(Math.max(0, bytes.length - limitBytes)))
      size += Math.min(bytes.length, limitBytes)
      while (size > limitBytes && chunks.length > 1) {
        size -= chunks.shift()?.length ?? 0
        dropped = true
      }
      // Many tiny chunks cost more than their bytes.
      if (chunks.length > 4096) chunks = [Buffer.concat(chunks)]
    },
    read() {
      const all = Buffer.concat(chunks)
      return dropped ? all.subarray(all.indexOf(LINE_FEED) + 1) : all
    },
  }
}
