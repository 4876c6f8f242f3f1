/** Between the daemon and a terminal's holder: `u8 kind | u32be length | payload`; kind 0 is terminal bytes, 1 is JSON. */
export type ToHolder =
  | { readonly do: 'attach'; readonly cols: number; readonly rows: number; readonly mode: 'control' | 'watch' }
  | { readonly do: 'resize'; readonly cols: number; readonly rows: number }
  | { readonly do: 'info' | 'ring' | 'kill' }
export interface HolderInfo { readonly say: 'info'; readonly title: string; readonly cols: number; readonly rows: number; readonly bracketedPaste: boolean; readonly exited: boolean; readonly code: number | null }
export type FromHolder = HolderInfo | { readonly say: 'exit'; readonly code: number | null } | { readonly say: 'done' }
export type HolderFrame<J> = { readonly kind: 'bytes'; readonly bytes: Uint8Array } | { readonly kind: 'json'; readonly json: J }

const HEADER = 5
export const HOLDER_FRAME_LIMIT = 4 * 1024 * 1024

export function encodeBytes(bytes: Uint8Array): Uint8Array { return encode(0, bytes) }
export function encodeJson(json: ToHolder | FromHolder): Uint8Array { return encode(1, new TextEncoder().encode(JSON.stringify(json))) }

function encode(kind: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER + payload.length)
  out[0] = kind
  new DataView(out.buffer).setUint32(1, payload.length)
  out.set(payload, HEADER)
  return out
}

/** Throws RangeError on garbage. Both ends are the daemon's own, so JSON is what the types say. */
export function createHolderDecoder<J>(): (chunk: Uint8Array) => HolderFrame<J>[] {
  let rest: Uint8Array = new Uint8Array(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk.slice() : Buffer.concat([rest, chunk])
    const frames: HolderFrame<J>[] = []
    let at = 0
    while (rest.length - at >= HEADER) {
      const length = new DataView(rest.buffer, rest.byteOffset + at + 1, 4).getUint32(0)
      if (length > HOLDER_FRAME_LIMIT) throw new RangeError('not a frame of a holder')
      if (rest.length - at - HEADER < length) break
      const payload = rest.subarray(at + HEADER, at + HEADER + length)
      frames.push(rest[at] === 0 ? { kind: 'bytes', bytes: payload } : { kind: 'json', json: JSON.parse(new TextDecoder().decode(payload)) as J })
      at += HEADER + length
    }
    rest = rest.slice(at)
    return frames
  }
}
