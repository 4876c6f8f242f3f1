/**
 * One command run in a workspace (`berth run`), over a byte stream. The client says `u32be length | JSON RunCommand`, then
 * what the command reads, to the end of its way; the machine answers in frames `u8 kind | u32be length | payload`.
 * Without run-time dependencies: the client needs nothing else.
 */
import type { WorkspaceId } from './ids.ts'

/** WebSocket, as `reach.ts` describes them. */
export const RUN_STREAM_PATH = (id: WorkspaceId) => `/api/v1/workspaces/${id}/run/stream`

export interface RunCommand { readonly argv: readonly string[] }
export type RunFrame =
  | { readonly kind: 'out' | 'err'; readonly bytes: Uint8Array }
  /** The last one. `signal`: it was ended by it. */
  | { readonly kind: 'exit'; readonly code: number; readonly signal: string | null }

export const RUN_COMMAND_LIMIT = 128 * 1024
export const RUN_FRAME_LIMIT = 256 * 1024
const HEADER = 5
const KINDS = ['out', 'err', 'exit'] as const

export function encodeRunCommand(command: RunCommand): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(command))
  const out = new Uint8Array(4 + json.length)
  new DataView(out.buffer).setUint32(0, json.length)
  out.set(json, 4)
  return out
}

/** Null: not all of it is there yet. Throws RangeError when it is none. */
export function decodeRunCommand(bytes: Uint8Array): { command: RunCommand; rest: Uint8Array } | null {
  if (bytes.length < 4) return null
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
  if (length > RUN_COMMAND_LIMIT) throw new RangeError('the command is too long')
  if (bytes.length < 4 + length) return null
  const argv = (parse(bytes.subarray(4, 4 + length)) as { argv?: unknown } | null)?.argv
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every((word): word is string => typeof word === 'string' && !word.includes('\0'))) throw new RangeError('not a command')
  return { command: { argv }, rest: bytes.slice(4 + length) }
}

export function encodeRunFrame(frame: RunFrame): Uint8Array {
  const payload = frame.kind === 'exit' ? new TextEncoder().encode(JSON.stringify({ code: frame.code, signal: frame.signal })) : frame.bytes
  const out = new Uint8Array(HEADER + payload.length)
  out[0] = KINDS.indexOf(frame.kind)
  new DataView(out.buffer).setUint32(1, payload.length)
  out.set(payload, HEADER)
  return out
}

/** Feed it the stream's chunks as they come; it gives whole frames. Throws RangeError on garbage. */
export function createRunDecoder(): (chunk: Uint8Array) => RunFrame[] {
  let rest: Uint8Array = new Uint8Array(0)
  return (chunk) => {
    const buffer = new Uint8Array(rest.length + chunk.length)
    buffer.set(rest)
    buffer.set(chunk, rest.length)
    const frames: RunFrame[] = []
    let at = 0
    while (buffer.length - at >= HEADER) {
      const kind = KINDS[buffer[at] ?? -1]
      const length = new DataView(buffer.buffer, at + 1, 4).getUint32(0)
      if (kind === undefined || length > RUN_FRAME_LIMIT) throw new RangeError('not a frame of a run')
      if (buffer.length - at - HEADER < length) break
      const payload = buffer.subarray(at + HEADER, at + HEADER + length)
      at += HEADER + length
      frames.push(kind === 'exit' ? exitOf(payload) : { kind, bytes: payload })
    }
    rest = buffer.subarray(at)
    return frames
  }
}

function exitOf(payload: Uint8Array): RunFrame {
  const { code, signal } = (parse(payload) ?? {}) as { code?: unknown; signal?: unknown }
  if (typeof code !== 'number') throw new RangeError('not the end of a run')
  return { kind: 'exit', code, signal: typeof signal === 'string' ? signal : null }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}
