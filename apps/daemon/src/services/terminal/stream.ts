/** A viewer that comes over the link: frames in, frames out, until either side ends. */
import { createTerminalDecoder, encodeTerminalFrame } from '@berth/wire/terminal-frames'
import type { ByteStream, Terminal } from '../../contracts.ts'

/** A frame holds at most this much, well below TERMINAL_FRAME_LIMIT, so that viewers take turns on the link. */
const PIECE_BYTES = 32 * 1024

export async function serveTerminalStream(terminal: Terminal, open: { cols: number; rows: number; mode: 'control' | 'watch' }, stream: ByteStream & { onInput(): void }): Promise<void> {
  const writer = stream.writable.getWriter()
  const ended = Promise.withResolvers<void>()
  await writer.write(encodeTerminalFrame({ kind: 'control', control: { type: 'ready', cols: open.cols, rows: open.rows, backend: terminal.backend } }))
  const viewer = await terminal.attach({
    ...open,
    async onBytes(bytes) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) await writer.write(encodeTerminalFrame({ kind: 'bytes', bytes: bytes.subarray(at, at + PIECE_BYTES) }))
    },
    onExit(code) {
      writer.write(encodeTerminalFrame({ kind: 'control', control: { type: 'exit', code } })).then(() => writer.close()).catch(() => {}).finally(() => ended.resolve())
    },
  })
  try {
    await Promise.race([readInput(stream, viewer, open.mode), ended.promise, writer.closed])
  } catch {
    stream.abort('the viewer sent what is not a terminal frame, or is gone')
  } finally {
    await viewer.detach()
    await writer.close().catch(() => {})
  }
}

async function readInput(stream: ByteStream & { onInput(): void }, viewer: Awaited<ReturnType<Terminal['attach']>>, mode: 'control' | 'watch'): Promise<void> {
  const decode = createTerminalDecoder()
  for await (const chunk of stream.readable) {
    for (const frame of decode(chunk)) {
      // Who watches does not type.
      if (mode === 'watch') continue
      if (frame.kind === 'bytes') {
        stream.onInput()
        await viewer.write(frame.bytes)
      }
      else if (frame.control.type === 'resize') await viewer.resize(frame.control.cols, frame.control.rows)
    }
  }
}
