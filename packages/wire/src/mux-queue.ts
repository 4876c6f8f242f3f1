/** Bytes waiting for their reader. Small pieces share a block, so a million one-byte frames cost about their bytes. */
const SMALL = 8 * 1024
const BLOCK = 16 * 1024

export interface ByteQueue {
  readonly size: number
  push(bytes: Uint8Array): void
  shift(): Uint8Array | null
  clear(): void
}

export function createByteQueue(): ByteQueue {
  let chunks: Uint8Array[] = []
  /** The last chunk is this block's first `used` bytes, when there is one. */
  let block: { bytes: Uint8Array; used: number } | null = null
  let size = 0

  function pushSmall(bytes: Uint8Array): void {
    if (block !== null && block.used + bytes.length <= block.bytes.length) {
      block.bytes.set(bytes, block.used)
      block.used += bytes.length
      chunks[chunks.length - 1] = block.bytes.subarray(0, block.used)
      return
    }
    // A lone small piece gets no block: the next one will, if the reader is slow.
    const previous = chunks.at(-1)
    const fresh = previous !== undefined && previous.length < SMALL
    block = fresh ? { bytes: new Uint8Array(BLOCK), used: bytes.length } : null
    if (block === null) {
      chunks.push(bytes.slice())
      return
    }
    block.bytes.set(bytes)
    chunks.push(block.bytes.subarray(0, bytes.length))
  }

  return {
    get size() { return size },
    push(bytes) {
      size += bytes.length
      if (bytes.length < SMALL) return pushSmall(bytes)
      block = null
      chunks.push(bytes)
    },
    shift() {
      const chunk = chunks.shift()
      if (chunk === undefined) return null
      if (chunks.length === 0) block = null
      size -= chunk.length
      return chunk
    },
    clear() {
      chunks = []
      block = null
      size = 0
    },
  }
}
