import { expect, test } from 'bun:test'
import { createRunDecoder, decodeRunCommand, encodeRunCommand, encodeRunFrame } from './run-frames.ts'
import type { RunFrame } from './run-frames.ts'

const text = (words: string) => new TextEncoder().encode(words)

test('a command is whole or not there yet, and what follows it is what it reads', () => {
  const bytes = new Uint8Array([...encodeRunCommand({ argv: ['echo', 'a b', ''] }), ...text('input')])
  const whole = bytes.length - 5
  for (let length = 0; length < whole; length++) expect(decodeRunCommand(bytes.subarray(0, length))).toBeNull()
  expect(decodeRunCommand(bytes)).toEqual({ command: { argv: ['echo', 'a b', ''] }, rest: text('input') })
})

test.each(['{"argv":[]}', '{"argv":["a",1]}', '{"argv":["a\\u0000b"]}', 'null', '{', '{"argv":"ls"}'])('%s is no command', (json) => {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, json.length)
  expect(() => decodeRunCommand(new Uint8Array([...head, ...text(json)]))).toThrow('not a command')
  expect(() => decodeRunCommand(new Uint8Array([255, 255, 255, 255]))).toThrow('too long')
})

test('frames come through however they are cut', () => {
  const frames: RunFrame[] = [{ kind: 'out', bytes: text('hello') }, { kind: 'err', bytes: text('') }, { kind: 'exit', code: 143, signal: 'SIGTERM' }]
  const wire = new Uint8Array(frames.flatMap((frame) => [...encodeRunFrame(frame)]))
  for (let cut = 0; cut <= wire.length; cut++) {
    const decode = createRunDecoder()
    expect([...decode(wire.subarray(0, cut)), ...decode(wire.subarray(cut))]).toEqual(frames)
  }
  expect(() => createRunDecoder()(new Uint8Array([9, 0, 0, 0, 0]))).toThrow()
  expect(() => createRunDecoder()(new Uint8Array([0, 255, 0, 0, 0]))).toThrow()
})
