import { describe, expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import { createLiveMessages } from './live-messages.ts'
import type { Fact } from './transcript.ts'

const sessionId = randomIds.session()

function setUp() {
  let now = 0
  const shown = new Map<string, string>()
  const over = new Set<string>()
  const messages = createLiveMessages({ sessionId, now: () => now, live: (piece) => {
    if (piece.kind !== 'text') return
    shown.set(piece.messageId, (shown.get(piece.messageId) ?? '') + piece.append)
    if (piece.last) over.add(piece.messageId)
  } })
  const fact = (text: string): Fact => ({ kind: 'event', key: 'k', body: { type: 'message', sessionId, messageId: 'of the transcript', role: 'agent', text } })
  return {
    shown, over,
    display: (messageId: string, delta: string, final = false) => messages.displayed({ messageId, delta, final }),
    /** The id that the written message gets. */
    write(text: string): string {
      const named = messages.named(fact(text))
      return named.kind === 'event' && named.body.type === 'message' ? named.body.messageId : ''
    },
    wait(ms: number) { now += ms },
  }
}

describe('live text', () => {
  it('is ended by the message of its id', () => {
    const it = setUp()
    it.display('a', 'one\n')
    it.display('a', 'two', true)
    expect(it.shown.get('a')).toBe('one\ntwo')
    expect(it.write('one\ntwo')).toBe('a')
    expect(it.over).toContain('a')
  })

  it('of several blocks is as many messages', () => {
    const it = setUp()
    it.display('a', 'first block\n')
    expect(it.write('first block\nof two')).toBe('a')
    it.display('a', 'of twosecond block', true)
    expect(it.shown.get('a')).toBe('first block\n')
    expect(it.shown.get('a.1')).toBe('second block')
    expect(it.write('second block')).toBe('a.1')
  })

  it('that was shown as one goes on under another id when its first block is written down', () => {
    const it = setUp()
    it.display('a', 'first block\nof twosecond block', true)
    expect(it.write('first block\nof two')).toBe('a')
    expect(it.shown.get('a.1')).toBe('second block')
    expect(it.write('second block')).toBe('a.1')
  })

  it('that was written down before it was displayed is not shown again', () => {
    const it = setUp()
    expect(it.write('one\ntwo')).toBe('of the transcript')
    it.display('a', 'one\n')
    it.display('a', 'two', true)
    expect(it.shown.size).toBe(0)
    it.display('b', 'three', true)
    expect(it.shown.get('b')).toBe('three')
  })

  it('is not taken for what was written long ago', () => {
    const it = setUp()
    it.write('hello')
    it.wait(60_000)
    it.display('a', 'hello', true)
    expect(it.shown.get('a')).toBe('hello')
  })

  it('of an answer that was never written down does not keep a later one', () => {
    const it = setUp()
    it.display('a', 'cut off by a person\n')
    it.display('b', 'hello', true)
    expect(it.write('hello')).toBe('b')
    expect(it.write('another')).toBe('of the transcript')
  })

  it('that was cut when it was written down is known by its beginning', () => {
    const it = setUp()
    const text = 'a line of a long text\n'.repeat(2000)
    it.display('a', text, true)
    expect(it.write(`${text.slice(0, 12_000)}\n… 20000 characters left out …\n${text.slice(-12_000)}`)).toBe('a')
  })
})
