/** Frames of the mux: their layout, their limits, and the words in a reset. */
export const DATA_LIMIT = 64 * 1024
export const OPEN_LIMIT = 16 * 1024
const REASON_LIMIT = 1024
const HEADER = 5
/** A shorter payload is copied behind its head sooner than it is sent by itself. */
export const APART_BYTES = 16 * 1024
export const OPEN = 1, DATA = 2, WIN = 3, FIN = 4, RST = 5, APART = 6
export const LAST_STREAM_ID = 0xffff_fffd

export interface Frame { readonly type: number; readonly id: number; readonly payload: Uint8Array }

const NOTHING = new Uint8Array(0)
const SIZES: Readonly<Record<number, { min: number; max: number }>> = {
  [OPEN]: { min: 0, max: DATA_LIMIT }, [DATA]: { min: 1, max: DATA_LIMIT }, [WIN]: { min: 8, max: 8 }, [FIN]: { min: 0, max: 0 }, [RST]: { min: 0, max: REASON_LIMIT }, [APART]: { min: 0, max: 0 },
}

export function encodeFrame(type: number, id: number, payload: Uint8Array = NOTHING): Uint8Array {
  const frame = new Uint8Array(HEADER + payload.length)
  frame[0] = type
  writeU32(frame, 1, id)
  frame.set(payload, HEADER)
  return frame
}

/** DATA frames in the same bytes each time, which are good until the next one: to make them anew costs more than to fill them. */
export function createDataFrame(): (id: number, payload: Uint8Array) => Uint8Array {
  const frame = new Uint8Array(HEADER + DATA_LIMIT)
  frame[0] = DATA
  return (id, payload) => {
    writeU32(frame, 1, id)
    frame.set(payload, HEADER)
    return frame.subarray(0, HEADER + payload.length)
  }
}

/** Null: not a frame of this protocol. The payload is a view of the bytes given. */
export function decodeFrame(bytes: Uint8Array): Frame | null {
  const type = bytes[0]
  const sizes = type === undefined ? undefined : SIZES[type]
  if (type === undefined || sizes === undefined || bytes.length < HEADER) return null
  const id = readU32(bytes, 1)
  const payload = bytes.subarray(HEADER)
  return id === 0 || payload.length < sizes.min || payload.length > sizes.max ? null : { type, id, payload }
}

/** The message behind an APART. Null: not one of this protocol. */
export function dataApart(id: number, payload: Uint8Array): Frame | null {
  return payload.length === 0 || payload.length > DATA_LIMIT ? null : { type: DATA, id, payload }
}

export function encodeWindow(consumed: number, extra: number): Uint8Array {
  const payload = new Uint8Array(8)
  writeU32(payload, 0, consumed)
  writeU32(payload, 4, extra)
  return payload
}
export function decodeWindow(payload: Uint8Array): { consumed: number; extra: number } {
  return { consumed: readU32(payload, 0), extra: readU32(payload, 4) }
}

export function encodeReason(reason: string): Uint8Array {
  const bytes = new TextEncoder().encode(reason)
  return bytes.length <= REASON_LIMIT ? bytes : bytes.slice(0, REASON_LIMIT)
}
export function decodeReason(payload: Uint8Array): string {
  // The peer's words end up in logs and messages: no control characters.
  return new TextDecoder().decode(payload).replace(/\p{Cc}/gu, ' ') || 'reset by the peer'
}

/** Undefined: not JSON, or too long for what opens a stream. */
export function decodeOpen(payload: Uint8Array): unknown {
  if (payload.length > OPEN_LIMIT) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(payload))
  } catch {
    return undefined
  }
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  new DataView(into.buffer, into.byteOffset, into.byteLength).setUint32(at, value)
}
function readU32(from: Uint8Array, at: number): number {
  return new DataView(from.buffer, from.byteOffset, from.byteLength).getUint32(at)
}
