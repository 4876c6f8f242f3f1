import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkspaceId } from '@berth/wire'
import { createReachPipe, type ReachPipe } from '@berth/wire/reach-pipe'
import { createSyncDecoder, encodeSyncFrame, type SyncChange, type SyncFrame } from '@berth/wire/sync-frames'
import { blobId, HASHED_WHOLE } from './local-files.ts'
import { openSyncStream, type Outgoing } from './sync-stream.ts'

let top = ''
let machine: ReturnType<typeof startMachine>
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'berth-stream-'))
  machine = startMachine()
})
afterEach(async () => {
  await machine.close()
  rmSync(top, { recursive: true, force: true })
})

/** Takes everything that it is sent whole, and says so. */
function startMachine() {
  const came: { change: SyncChange; bytes: number }[] = []
  const decode = createSyncDecoder()
  let pipe: ReachPipe
  const answer = async (frame: SyncFrame): Promise<void> => {
    if (frame.kind === 'change') came.push({ change: frame.change, bytes: 0 })
    const last = came.at(-1)
    if (frame.kind === 'data' && last !== undefined) last.bytes += frame.bytes.length
    if (frame.kind !== 'flush') return
    await pipe.send(encodeSyncFrame({ kind: 'results', results: came.map(({ change: { n, path }, bytes }) => ({ n, path, what: 'written', why: String(bytes) })) }))
    await pipe.send(encodeSyncFrame({ kind: 'flushed', number: frame.number }))
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request, at) => (at.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      open(socket) {
        pipe = createReachPipe({ send: (data) => socket.send(data), close: (code, reason) => socket.close(code, reason) }, { write: async (bytes) => { for (const frame of decode(bytes)) await answer(frame) }, end: async () => {} })
        void pipe.send(encodeSyncFrame({ kind: 'ready' }))
      },
      message: (_, data) => pipe.message(typeof data === 'string' ? data : new Uint8Array(data)),
      close: () => pipe.closed(),
    },
  })
  return { came, url: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) }
}

const LARGE = Buffer.alloc(HASHED_WHOLE + 1, 'x')
const outgoing = (path: string, bytes: Buffer): Outgoing => ({ path, was: null, now: { mode: '100644', oid: blobId(bytes), size: bytes.length, raw: true }, content: null })

test('a large file that vanishes before it is read is left out, and the others of its batch come', async () => {
  const small = Buffer.from('small')
  writeFileSync(join(top, 'large'), LARGE)
  writeFileSync(join(top, 'file'), 'no directory')
  symlinkSync('large', join(top, 'link'))
  mkdirSync(join(top, 'directory'))
  writeFileSync(join(top, 'small'), small)
  const stream = await openSyncStream({ url: machine.url, token: 'none' }, { id: 'ws_aaaabbbbcccc' as WorkspaceId, top, signal: new AbortController().signal })
  const results = await stream.send([...['deleted', 'file/below', 'link', 'directory', 'large'].map((path) => outgoing(path, LARGE)), outgoing('small', small)])
  stream.close()
  expect(results.map(({ path, what, entry, why }) => [path, what, entry?.oid, why])).toEqual([['large', 'written', blobId(LARGE), String(LARGE.length)], ['small', 'written', blobId(small), '5']])
  // One that was announced would be filled with the content of those behind it.
  expect(machine.came.map(({ change }) => change.path)).toEqual(['large', 'small'])
})
