import { afterEach, expect, test } from 'bun:test'
import fc from 'fast-check'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EVENT_BODY_LIMIT, knownBody } from '@berth/wire'
import type { EventBody, SessionId } from '@berth/wire'
import { cutBody } from './cut.ts'
import { KEEP_ACKED_MS, openJournal } from './journal.ts'
import { createMasker, MASK } from './mask.ts'

const dirs: string[] = []
afterEach(() => { for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true }) })
function fresh(): string { const dir = mkdtempSync(join(tmpdir(), 'berth-journal-')); dirs.push(dir); return join(dir, 'journal.sqlite') }

const sessionId = 'ses_000000000000' as SessionId
const message = (text: string): EventBody => ({ type: 'message', sessionId, messageId: 'm', role: 'agent', text })
const textOf = (body: { type: string }): unknown => (body as { text?: unknown }).text

test('numbers entries, keeps them over a reopen, and tells their age', () => {
  const path = fresh()
  let now = 1_000_000
  const a = openJournal({ path, now: () => now })
  a.append(message('one'))
  now += 5000
  a.append(message('two'))
  const { id } = a
  a.close()
  const b = openJournal({ path, now: () => now })
  expect([b.id, b.firstN, b.lastN, b.ackedN]).toEqual([id, 1, 2, 0])
  expect(b.after(0, 10).map((e) => [e.n, e.ageMs, textOf(e.body)])).toEqual([[1, 5000, 'one'], [2, 0, 'two']])
  expect(b.after(1, 10).map((e) => e.n)).toEqual([2])
  now = 0 // A clock that was set back makes no negative age.
  expect(b.after(0, 1)[0]?.ageMs).toBe(0)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
  b.close()
})

test('the same key twice is one entry, also after a reopen', () => {
  const path = fresh()
  const a = openJournal({ path })
  a.append(message('x'), { key: 'k' })
  a.append(message('x'), { key: 'k' })
  a.close()
  const b = openJournal({ path })
  b.append(message('x'), { key: 'k' })
  expect(b.lastN).toBe(1)
  b.close()
})

test('a transaction that throws leaves nothing, an inner one only its own', () => {
  const journal = openJournal({ path: fresh() })
  let told = 0
  journal.onAppend(() => { told += 1 })
  expect(() => journal.transaction(() => { journal.append(message('lost')); journal.set('cursor', '1'); throw new Error('no') })).toThrow('no')
  expect([journal.lastN, journal.get('cursor'), told]).toEqual([0, null, 0])
  journal.transaction(() => {
    journal.append(message('kept'))
    expect(() => journal.transaction(() => { journal.append(message('lost')); throw new Error('inner') })).toThrow('inner')
    journal.set('cursor', '2')
  })
  expect(journal.after(0, 10).map((e) => textOf(e.body))).toEqual(['kept'])
  expect([journal.lastN, journal.get('cursor'), told]).toEqual([1, '2', 1])
  journal.close()
})

test('rotation renumbers what is asked for under a new id, behind a gap', () => {
  const journal = openJournal({ path: fresh() })
  for (const text of ['a', 'b', 'c', 'd']) journal.append(message(text))
  journal.acked(2)
  const before = { id: journal.id, ids: journal.after(2, 9).map((e) => e.id) }
  journal.rotate({ from: 3 })
  expect(journal.id).not.toBe(before.id)
  expect(journal.after(0, 9).map((e) => [e.n, textOf(e.body)])).toEqual([[1, 'c'], [2, 'd']])
  expect(journal.after(0, 9).map((e) => e.id)).toEqual(before.ids)
  expect(journal.ackedN).toBe(0)
  journal.rotate({ from: 2, gap: { from: 7, to: 9, why: 'lost' } })
  expect(journal.after(0, 9).map((e) => e.body.type)).toEqual(['gap', 'message'])
  journal.close()
})

test('keeps acked entries for a week or until they take too much room, never losing count', () => {
  const path = fresh()
  let now = 1000
  const journal = openJournal({ path, now: () => now, keepBytes: 300_000 })
  const many = (count: number, text: string): void => { journal.transaction(() => { for (let i = 0; i < count; i += 1) journal.append(message(text)) }) }
  many(600, 'x'.repeat(2000))
  expect(journal.firstN).toBe(1) // Not acked: kept, whatever they take.
  journal.acked(600)
  many(600, 'y')
  expect(journal.firstN).toBeGreaterThan(300)
  journal.acked(1200)
  now += KEEP_ACKED_MS + 1
  many(500, 'z')
  expect(journal.firstN).toBe(1201)
  journal.close()
  const again = openJournal({ path })
  expect(again.lastN).toBe(1700)
  again.close()
})

test('a file that is no database is set aside, and that is said', () => {
  const path = fresh()
  writeFileSync(path, 'this is not a database at all, but a text of more than sixteen bytes')
  const journal = openJournal({ path })
  expect(journal.after(0, 9).map((e) => (e.body as unknown as { code: string }).code)).toEqual(['journal_unreadable'])
  expect(statSync(`${path}.unreadable`).size).toBeGreaterThan(10)
  journal.close()
})

test('no secret reaches an entry, however deep in JSON it was quoted', () => {
  fc.assert(fc.property(fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme' }).filter((s) => s.trim().length >= 8 && !MASK.includes(s)), fc.nat(3), (secret, depth) => {
    let text = `before ${secret} after`
    for (let i = 0; i < depth; i += 1) text = JSON.stringify({ out: text })
    const masked = createMasker([secret])(text) as string
    let plain = masked
    for (let i = 0; i < depth; i += 1) plain = (JSON.parse(plain) as { out: string }).out
    expect(plain).toBe(`before ${MASK} after`)
  }), { numRuns: 500 })
})

test('masks keys, lines of a key file, ASCII escapes, base64 and URL forms', () => {
  const mask = createMasker(['pä/ss"word\\1', '-----BEGIN KEY-----\nabcdefghijklmnopqrstuv\n-----END KEY-----', 'short'])
  expect(mask({ 'pä/ss"word\\1': ['p\\u00e4\\/ss\\"word\\\\1', encodeURIComponent('pä/ss"word\\1'), Buffer.from('pä/ss"word\\1').toString('base64')] })).toEqual({ [MASK]: [MASK, MASK, MASK] })
  expect(mask('line: abcdefghijklmnopqrstuv')).toBe(`line: ${MASK}`)
  expect(mask('short')).toBe('short')
})

test('a secret is masked before the body is cut, so no part of it stays at the edge', () => {
  const journal = openJournal({ path: fresh() })
  journal.mask(['super-secret-value-0123456789'])
  journal.append(message('super-secret-value-0123456789 '.repeat(5000)))
  const text = String(textOf(journal.after(0, 1)[0]?.body ?? { type: '' }))
  expect(text.length).toBeGreaterThan(1000)
  expect(text).not.toContain('0123456789')
  journal.close()
})

test('every body fits its limit; long texts keep head and tail', () => {
  const cut = JSON.parse(cutBody(message(`HEAD${'é"\n'.repeat(100_000)}TAIL`))) as EventBody
  expect(Buffer.byteLength(JSON.stringify(cut))).toBeLessThanOrEqual(EVENT_BODY_LIMIT)
  expect(textOf(cut)).toStartWith('HEAD')
  expect(textOf(cut)).toEndWith('TAIL')
  expect(textOf(cut)).toContain('left out')
  expect(knownBody(cut)).not.toBeNull()
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 1, max: 3000 }), (value, times) => {
    const body = { type: 'tool', input: { list: Array.from({ length: times }, () => value), text: 'x'.repeat(times * 20) } } as unknown as EventBody
    expect(Buffer.byteLength(cutBody(body))).toBeLessThanOrEqual(EVENT_BODY_LIMIT)
  }), { numRuns: 50 })
})

test('a question too wide to keep is asked all the same, and says that it is not shown whole', () => {
  const wide = (depth: number): unknown => (depth === 0 ? 'x'.repeat(100) : Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`k${at}`, wide(depth - 1)])))
  const ask = { approvalId: 'apr_000000000001', sessionId: 'ses_000000000001', kind: 'permission', tool: 'Anything', title: 'Use anything?', toolCallId: null, input: wide(3), cwd: null, contentHash: 'h' }
  const kept = knownBody(JSON.parse(cutBody({ type: 'approval.asked', ask } as unknown as EventBody)))
  expect(kept).toMatchObject({ type: 'approval.asked', ask: { title: 'Use anything?', input: { command: expect.stringMatching(/^… \d+ characters left out …$/) } } })
})
