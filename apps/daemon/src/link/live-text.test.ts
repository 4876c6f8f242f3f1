import { describe, expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { LiveItem } from '@berth/wire/live'
import type { LivePiece } from '../contracts.ts'
import { createLiveText } from './live-text.ts'

const sessionId = randomIds.session()
const SECRET = 'sk-ant-Very/Secret+Value_0123456789'
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----'

function piece(append: string, last = false, messageId = 'm'): LivePiece {
  return { kind: 'text', sessionId, messageId, role: 'agent', append, last }
}
/** What a viewer who missed nothing has. */
function shown(items: readonly LiveItem[], messageId = 'm'): string {
  let text = ''
  for (const item of items) {
    if (item.kind !== 'text' || item.messageId !== messageId) continue
    expect(item.at).toBe(text.length)
    text += item.append
  }
  return text
}
/** Every piece is sent by itself. */
function sender(secrets: string[] = [], paceMs = -1) {
  const items: LiveItem[] = []
  const batches: LiveItem[][] = []
  const live = createLiveText({ secrets: new Set(secrets), paceMs, send: (sent) => { batches.push(sent); items.push(...sent) } })
  return { live, items, batches }
}
/** A line of a key that is whole is masked by itself. */
const oneMask = (text: string): string => text.replace(/(?:\[masked\](?:\s|\\+n)*)+/g, '[masked] ')
/** A generator that gives the same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state % below
  }
}

describe('text of the moment', () => {
  it('is numbered by offsets, each message by itself', () => {
    const { live, items } = sender()
    live.add(piece('one\n'))
    live.add(piece('other\n', false, 'n'))
    live.add(piece('two\n', true))
    live.add(piece('more\n', true, 'n'))
    expect(shown(items)).toBe('one\ntwo\n')
    expect(shown(items, 'n')).toBe('other\nmore\n')
  })

  it('goes at once, then once a frame', async () => {
    const next = Promise.withResolvers<void>()
    const batches: LiveItem[][] = []
    const live = createLiveText({ secrets: new Set(), paceMs: 20, send: (items) => { batches.push(items); if (batches.length === 2) next.resolve() } })
    live.add(piece('a'))
    expect(batches).toHaveLength(1)
    for (const letter of 'bcdefgh') live.add(piece(letter))
    expect(batches).toHaveLength(1)
    await next.promise
    expect(batches[1]).toEqual([{ kind: 'text', sessionId, messageId: 'm', role: 'agent', at: 1, append: 'bcdefgh' }])
    live.close()
  })

  it('splits what is larger than an item, and stops at a limit until the message is over', () => {
    const { live, items } = sender()
    live.add(piece('x'.repeat(50_000)))
    expect(items.length).toBe(4)
    for (let at = 0; at < 10; at++) live.add(piece('y'.repeat(50_000)))
    const length = shown(items).length
    expect(length).toBeLessThan(400_000)
    live.add(piece('z'.repeat(50_000), true))
    expect(shown(items).length).toBe(length)
  })
})

describe('a secret', () => {
  for (const secret of [SECRET, KEY]) {
    it(`of ${secret.length} characters is never shown, wherever the pieces are cut`, () => {
      const text = `before ${secret} between ${JSON.stringify(secret)} and ${JSON.stringify(JSON.stringify(secret))}, ${encodeURIComponent(secret)} ${Buffer.from(secret).toString('base64')} after`
      const whole = sender([secret])
      whole.live.add(piece(text, true))
      const expected = shown(whole.items)
      expect(expected).toContain('before [masked] between')
      const random = numbers(7)
      for (let round = 0; round < 60; round++) {
        const { live, items } = sender([secret])
        for (let at = 0; at < text.length;) {
          const size = 1 + random(round === 0 ? 1 : 40)
          live.add(piece(text.slice(at, at + size)))
          at += size
          for (const part of [secret.slice(0, 12), secret.slice(-12), 'Very', 'MIIEvQ']) if (secret.includes(part)) expect(shown(items)).not.toContain(part)
        }
        live.add(piece('', true))
        expect(oneMask(shown(items))).toBe(oneMask(expected))
      }
    })
  }

  it('that reaches over the beginning of another is not cut in two', () => {
    const { live, items } = sender(['first-secret-5xx', '5xx-the-second-secret'])
    live.add(piece('a first-secret-5xx'))
    live.add(piece(' b 5xx-the'))
    live.add(piece('-second-secret c', true))
    expect(shown(items)).toBe('a [masked] b [masked] c')
  })

  it('that might begin is shown as soon as it is none', () => {
    const { live, items } = sender([SECRET])
    live.add(piece('ask'))
    expect(shown(items)).toBe('a')
    live.add(piece('ing'))
    expect(shown(items)).toBe('asking')
  })
})
