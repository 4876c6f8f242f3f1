/** A rule that was written anew, or a test that got another name, would be found only by the hour that takes each of them out. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../product.ts'
import { POLICIES } from './policies.ts'

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

test.each(POLICIES.map((policy) => [policy.attack, policy] as const))('the rule against %s stands where it is said to, once', (_, { off }) => {
  expect(textOf(off.file).split(off.from)).toHaveLength(2)
  expect(off.to).not.toBe(off.from)
})
