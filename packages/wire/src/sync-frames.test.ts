import { expect, test } from 'bun:test'
import { createSyncDecoder, encodeSyncFrame, refusePath, SYNC_FRAME_LIMIT } from './sync-frames.ts'
import type { SyncFrame } from './sync-frames.ts'

const oid = 'a'.repeat(40)
const FRAMES: SyncFrame[] = [
  { kind: 'ready' },
  { kind: 'change', change: { n: 1, path: 'a\n\xff', was: null, now: { mode: '100644', oid, size: 3 } } },
  { kind: 'data', bytes: new Uint8Array([1, 2, 3]) },
  { kind: 'change', change: { n: 2, path: 'b', was: { mode: '120000', oid }, now: null } },
  { kind: 'flush', number: 7 },
  { kind: 'results', results: [{ n: 1, path: 'a', what: 'written', entry: { mode: '100755', oid } }, { n: 2, path: 'b', what: 'kept', why: 'because' }] },
  { kind: 'flushed', number: 7 },
]

const plain = (frame: SyncFrame): unknown => (frame.kind === 'data' ? { ...frame, bytes: [...frame.bytes] } : frame)

test('frames come as they were said, however they are cut', () => {
  const bytes = Buffer.concat(FRAMES.map(encodeSyncFrame))
  for (const step of [1, 2, 7, 1000]) {
    const decode = createSyncDecoder()
    const out: SyncFrame[] = []
    for (let at = 0; at < bytes.length; at += step) out.push(...decode(bytes.subarray(at, at + step)))
    expect(JSON.stringify(out.map(plain))).toBe(JSON.stringify(FRAMES.map(plain)))
  }
})

test('what is no frame is refused', () => {
  const raw = (kind: number, text: string): Uint8Array => Buffer.concat([Buffer.from([kind, 0, 0, 0, text.length]), Buffer.from(text)])
  const wrong = [raw(9, ''), raw(0, '{'), raw(0, 'null'), raw(0, '{"n":-1,"path":"a","was":null,"now":null}'), raw(0, '{"n":1,"path":"","was":null,"now":null}'), raw(0, `{"n":1,"path":"a","was":null,"now":{"mode":"160000","oid":"${oid}","size":1}}`), raw(2, '"x"'), raw(4, '[1]'), raw(4, '{}')]
  for (const bytes of wrong) expect(() => createSyncDecoder()(bytes)).toThrow(RangeError)
  const long = Buffer.alloc(5)
  long[0] = 1
  long.writeUInt32BE(SYNC_FRAME_LIMIT + 1, 1)
  expect(() => createSyncDecoder()(long)).toThrow(RangeError)
})

test('paths within, and not git\'s', () => {
  expect(['a', 'a/b', '.gitignore', 'a/.github/x', '..a', 'git'].map(refusePath)).toEqual([null, null, null, null, null, null])
  for (const path of ['', '/a', 'a/', '../a', 'a/./b', '.git', 'a/.Git/x', 'git~1']) expect(refusePath(path)).not.toBeNull()
})
