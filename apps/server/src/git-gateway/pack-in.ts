/** The pack in an answer to a fetch (gitprotocol-v2, "packfile"), as it comes, without what the host tells people. */
import { LATIN, readPacket } from '@berth/core'
import { joined } from '../git-hosting/git-body.ts'

const PACK_BAND = 1
const FATAL_BAND = 3

export function packIn(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  let begun = false
  /** Null: it is not whole yet. */
  const nextLine = (): Uint8Array | 'end' | null => {
    const packet = readPacket(rest, 0)
    if (packet.kind === 'more') return null
    if (packet.kind === 'broken') throw new Error(packet.why)
    rest = rest.subarray(packet.end)
    return packet.kind === 'line' ? packet.payload : 'end'
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const line = nextLine()
        if (line === 'end') return controller.close()
        if (line === null) {
          const next = await reader.read()
          if (next.done) throw new Error('the pack is not whole')
          rest = rest.length === 0 ? next.value : joined(rest, next.value)
          continue
        }
        if (!begun) {
          if (LATIN.decode(line) !== 'packfile\n') throw new Error('this is no pack')
          begun = true
          continue
        }
        if (line[0] === FATAL_BAND) throw new Error('the host could not make it')
        if (line[0] === PACK_BAND && line.length > 1) return controller.enqueue(line.slice(1))
      }
    },
  })
}
