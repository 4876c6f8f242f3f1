/**
 * A browser's socket on a workspace's terminal: binary messages are bytes, text messages are controls. It holds
 * nothing back in memory: while the browser does not read, we do not read from the machine, whose own window then
 * fills; a browser that sends faster than the machine takes is cut off.
 */
import type { ByteStream, Daemons } from '@berth/core'
import { BerthError, type WorkspaceId } from '@berth/wire'
import { createTerminalDecoder, encodeTerminalFrame, TerminalControl, TERMINAL_FRAME_LIMIT } from '@berth/wire/terminal-frames'
import type { ServerWebSocket } from 'bun'
import { z } from 'zod'

export type AttachSocket = ServerWebSocket<Attachment>
export interface Attachment {
  opened(socket: AttachSocket): void
  message(socket: AttachSocket, data: string | Uint8Array): void
  drained(): void
  closed(): void
}

/** Waiting to be taken by a browser before we stop reading from the machine. */
const OUT_HIGH_WATER = 1024 * 1024
/** Waiting to be taken by the machine: more than anybody types or pastes. */
const IN_LIMIT = 4 * 1024 * 1024
const CLOSE = { ended: 1000, unreadable: 1003, tooFast: 1013 } as const

const Query = z.object({
  cols: z.coerce.number().int().min(1).max(1000).default(80),
  rows: z.coerce.number().int().min(1).max(1000).default(24),
  mode: z.enum(['control', 'watch']).default('control'),
})

/** Opens the stream first, so that a refusal is still an ordinary answer. */
export async function openAttachment(deps: { daemons: Pick<Daemons, 'openStream'> }, at: { workspaceId: WorkspaceId; terminalId: string; url: URL }): Promise<Attachment> {
  const query = Query.safeParse(Object.fromEntries(at.url.searchParams))
  if (!query.success) throw new BerthError('bad_request', `${query.error.issues[0]?.path.join('.') ?? 'query'}: ${query.error.issues[0]?.message ?? 'not valid'}`, { hint: 'cols and rows are 1 to 1000; mode is control or watch' })
  const stream = await deps.daemons.openStream(at.workspaceId, { service: 'terminal', terminalId: at.terminalId, ...query.data })
  return createAttachment(stream)
}

export function createAttachment(stream: ByteStream): Attachment {
  const writer = stream.writable.getWriter()
  let waiting = 0
  let drained = Promise.withResolvers<void>()
  let over = false

  const finish = (reason: string) => {
    if (over) return
    over = true
    drained.resolve()
    stream.abort(reason)
  }

  const toMachine = (socket: AttachSocket, frame: Uint8Array) => {
    waiting += frame.length
    if (waiting > IN_LIMIT) {
      socket.close(CLOSE.tooFast, 'too much at once')
      return finish('the viewer sends too fast')
    }
    writer.write(frame).then(
      () => {
        waiting -= frame.length
      },
      () => socket.close(CLOSE.ended, 'the terminal is gone'),
    )
  }

  const toBrowser = async (socket: AttachSocket) => {
    const decode = createTerminalDecoder()
    for await (const chunk of stream.readable) {
      for (const frame of decode(chunk)) {
        if (over) return
        if (frame.kind === 'bytes') socket.sendBinary(frame.bytes)
        else socket.sendText(JSON.stringify(frame.control))
      }
      while (!over && socket.getBufferedAmount() > OUT_HIGH_WATER) {
        drained = Promise.withResolvers<void>()
        await drained.promise
      }
    }
  }

  return {
    opened(socket) {
      toBrowser(socket)
        .then(
          () => socket.close(CLOSE.ended, 'the terminal is gone'),
          () => socket.close(CLOSE.ended, 'the terminal is gone'),
        )
        .finally(() => finish('the terminal ended'))
    },
    message(socket, data) {
      if (over) return
      if (typeof data !== 'string') {
        for (let at = 0; at < data.length; at += TERMINAL_FRAME_LIMIT) toMachine(socket, encodeTerminalFrame({ kind: 'bytes', bytes: data.subarray(at, at + TERMINAL_FRAME_LIMIT) }))
        return
      }
      const control = parseControl(data)
      if (control) toMachine(socket, encodeTerminalFrame({ kind: 'control', control }))
      else socket.close(CLOSE.unreadable, 'not a control message')
    },
    drained: () => drained.resolve(),
    closed: () => finish('the viewer left'),
  }
}

function parseControl(text: string): TerminalControl | null {
  try {
    return TerminalControl.parse(JSON.parse(text))
  } catch {
    return null
  }
}
