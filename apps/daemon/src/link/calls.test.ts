import { expect, test } from 'bun:test'
import type { CallHandlers } from '../contracts.ts'
import { parseLinkUrl } from './address.ts'
import { createCalls } from './calls.ts'
import { backoffMs, LINK_TIMINGS } from './timings.ts'

test('the same request never runs twice at once, and is answered once', async () => {
  const sent: { rid: number; ok: boolean }[] = []
  const gate = Promise.withResolvers<void>()
  let runs = 0
  const handlers = { 'session.interrupt': async () => { runs += 1; await gate.promise; return { interrupted: true } } } as unknown as CallHandlers
  const answered = Promise.withResolvers<void>()
  const calls = createCalls({ handlers, send: (text) => { sent.push(JSON.parse(text) as { rid: number; ok: boolean }); answered.resolve() }, signal: new AbortController().signal, log: () => {} })
  for (let i = 0; i < 3; i += 1) calls.answer({ rid: 7, method: 'session.interrupt', params: {} })
  gate.resolve()
  await answered.promise
  expect([runs, sent.length, sent[0]?.rid, sent[0]?.ok]).toEqual([1, 1, 7, true])
})

test('too many calls at once and unknown methods are refused, not kept', async () => {
  const sent: { ok: boolean; error?: { code: string } }[] = []
  const handlers = { 'session.interrupt': () => new Promise(() => {}) } as unknown as CallHandlers
  const answered = Promise.withResolvers<void>()
  const calls = createCalls({ handlers, send: (text) => { sent.push(JSON.parse(text) as { ok: boolean }); if (sent.length === 2) answered.resolve() }, signal: new AbortController().signal, log: () => {} })
  calls.answer({ rid: 0, method: 'toString', params: {} })
  for (let rid = 1; rid <= 64; rid += 1) calls.answer({ rid, method: 'session.interrupt', params: {} })
  await answered.promise
  expect(sent.map((answer) => answer.error?.code).toSorted()).toEqual(['too_many', 'unsupported'])
})

test('waits grow from 0.2 s to 15 s and never leave those bounds', () => {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    for (const chance of [0, 0.5, 0.999]) {
      const ms = backoffMs(attempt, LINK_TIMINGS, () => chance)
      expect(ms).toBeGreaterThanOrEqual(200)
      expect(ms).toBeLessThanOrEqual(15_000)
    }
  }
  expect(backoffMs(30, LINK_TIMINGS, () => 0.5)).toBeGreaterThan(7000)
})

test('reads addresses of both kinds and refuses others', () => {
  expect(parseLinkUrl('unix:/run/x.sock').socket('/link/v1')).toBe('ws+unix:///run/x.sock:/link/v1')
  expect(parseLinkUrl('https://b.example/').socket('/link/v1')).toBe('wss://b.example/link/v1')
  expect(parseLinkUrl('http://127.0.0.1:1').request('/a')).toEqual({ url: 'http://127.0.0.1:1/a', options: {} })
  expect(() => parseLinkUrl('ftp://x')).toThrow('neither')
})
