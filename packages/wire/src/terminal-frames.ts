/**
 * Frames inside a `terminal` stream, both ways: `u8 kind | u32be length | payload`.
 * kind 0 = terminal bytes; kind 1 = a TerminalControl as JSON. A browser's socket carries the same as
 * binary (bytes) and text (control) messages.
 */
import { z } from 'zod'

export const TerminalControl = z.discriminatedUnion('type', [
  // viewer → terminal
  z.object({ type: z.literal('resize'), cols: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000) }),
  // terminal → viewer
  z.object({ type: z.literal('ready'), cols: z.number().int(), rows: z.number().int(), backend: z.string() }),
  z.object({ type: z.literal('exit'), code: z.number().int().nullable() }),
])
export type TerminalControl = z.infer<typeof TerminalControl>
export type TerminalFrame = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'control'; control: TerminalControl }

const HEADER = 5
/** A frame is at most this long; the mux cuts it further. */
export const TERMINAL_FRAME_LIMIT = 256 * 1024

export function encodeTerminalFrame(frame: TerminalFrame): Uint8Array {
  const payload = frame.kind === 'bytes' ? frame.bytes : new TextEncoder().encode(JSON.stringify(frame.control))
  const out = new Uint8Array(HEADER + payload.length)
  out[0] = frame.kind === 'bytes' ? 0 : 1
  new DataView(out.buffer).setUint32(1, payload.length)
  out.set(payload, HEADER)
  return out
}

/** Feed it the stream's chunks as they come; it gives whole frames. Throws RangeError on garbage. */
export function createTerminalDecoder(): (chunk: Uint8Array) => TerminalFrame[] {
  let rest: Uint8Array = new Uint8Array(0)
  return (chunk) => {
    let buffer = chunk
    if (rest.length > 0) {
      buffer = new Uint8Array(rest.length + chunk.length)
      buffer.set(rest)
      buffer.set(chunk, rest.length)
    }
    const frames: TerminalFrame[] = []
    let at = 0
    while (buffer.length - at >= HEADER) {
      const kind = buffer[at]
      const length = new DataView(buffer.buffer, buffer.byteOffset + at + 1, 4).getUint32(0)
      if ((kind !== 0 && kind !== 1) || length > TERMINAL_FRAME_LIMIT) throw new RangeError('not a terminal frame')
      if (buffer.length - at - HEADER < length) break
      const payload = buffer.subarray(at + HEADER, at + HEADER + length)
      at += HEADER + length
      if (kind === 0) frames.push({ kind: 'bytes', bytes: payload })
      else {
        const control = TerminalControl.safeParse(parseJson(new TextDecoder().decode(payload)))
        if (control.success) frames.push({ kind: 'control', control: control.data })
      }
    }
    // A copy, because the caller may reuse its chunk.
    rest = buffer.slice(at)
    return frames
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
