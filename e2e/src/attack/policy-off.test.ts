/** Each rule that stands against an attack, taken out: its test fails. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { POLICIES } from './policies.ts'
import { openScratch, type Scratch } from './policy-off.ts'

let scratch: Scratch
beforeAll(async () => { scratch = await openScratch() }, 300_000)
afterAll(() => scratch?.close())

test.each(POLICIES.map((policy) => [policy.attack, policy] as const))('without its rule, %s is seen', async (_, policy) => {
  expect((await scratch.tried(policy)).outcome).toBe('red')
}, 600_000)
