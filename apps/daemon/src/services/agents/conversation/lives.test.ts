import { expect, test } from 'bun:test'
import type { DaemonContext } from '../../../contracts.ts'
import type { Condition } from '../condition.ts'
import type { Voice } from './contracts.ts'
import { createLives } from './lives.ts'

test('an agent that is started and says nothing is told of, and welcome when it does', async () => {
  const entered: string[] = []
  const told = Promise.withResolvers<void>()
  // What lives asks of them, and no more.
  const condition = {
    get base() { return entered.at(-1) },
    enter(state: string) {
      entered.push(state)
      if (state === 'error') told.resolve()
    },
  } as unknown as Condition
  const voice = { open: async () => {}, lives: async () => false } as unknown as Voice
  const context = { journal: { get: () => null, set() {} }, log() {}, machineBoot: 'm' } as unknown as DaemonContext
  const lives = createLives({ context, sessionId: 'ses_aaaabbbbcccc' as never, voice: () => voice, condition, over: new AbortController().signal, now: () => 0, leaveBehind() {}, silentMs: 5 })
  await lives.start(() => {})
  expect(entered).toEqual(['starting'])
  await told.promise
  expect(entered).toEqual(['starting', 'error'])
  // Words wait for it, and begin no second one beside it.
  expect(lives.waits).toBe(false)
  lives.opened()
  expect(lives.ready).toBe(true)
})
