import { expect, test } from 'bun:test'
import { EGRESS_DEFAULT, EGRESS_GROUPS, EgressRule } from '@berth/wire/egress'
import { decideEgress, ruleFor } from './decide.ts'

const list = (allow: readonly string[], deny: readonly string[] = []) => ({ mode: 'allowlist' as const, allow: [...allow], deny: [...deny] })

test('a list lets its names go to the usual ports, and asks about the rest', () => {
  const policy = list(['example.com', '*.pkg.example', 'db.example:5432', '@npm'])
  for (const [host, port, verdict] of [
    ['example.com', 443, 'go'], ['example.com', 80, 'go'], ['example.com', 22, 'ask'], ['www.example.com', 443, 'ask'], ['example.com.evil', 443, 'ask'], ['evilexample.com', 443, 'ask'],
    ['a.pkg.example', 443, 'go'], ['a.b.pkg.example', 443, 'go'], ['pkg.example', 443, 'ask'], ['.pkg.example', 443, 'ask'], ['evilpkg.example', 443, 'ask'],
    ['db.example', 5432, 'go'], ['db.example', 443, 'ask'], ['registry.npmjs.org', 443, 'go'], ['1.2.3.4', 443, 'ask'],
  ] as const) expect([host, port, decideEgress(policy, { host, port })]).toEqual([host, port, verdict])
})

test('what is denied is refused unasked, nothing goes where nothing may, and open is open', () => {
  expect(decideEgress(list(['*.example'], ['bad.example']), { host: 'bad.example', port: 443 })).toBe('refuse')
  expect(decideEgress({ mode: 'open', allow: [], deny: ['bad.example'] }, { host: 'bad.example', port: 80 })).toBe('refuse')
  expect(decideEgress({ mode: 'open', allow: [], deny: [] }, { host: 'any.example', port: 9 })).toBe('go')
  expect(decideEgress({ mode: 'none', allow: ['example.com'], deny: [] }, { host: 'example.com', port: 443 })).toBe('refuse')
})

test('rules are written as they are read, and the groups are rules', () => {
  for (const target of [{ host: 'a.example', port: 443 }, { host: 'a.example', port: 8443 }, { host: '::1', port: 443 }, { host: '10.0.0.1', port: 5432 }]) {
    const rule = ruleFor(target)
    expect(EgressRule.safeParse(rule).success).toBe(true)
    expect(decideEgress(list([rule]), target)).toBe('go')
  }
  for (const name of Object.values(EGRESS_GROUPS).flat()) expect(EgressRule.safeParse(name).success).toBe(true)
  for (const group of EGRESS_DEFAULT) expect(EGRESS_GROUPS[group.slice(1)]).toBeDefined()
  for (const bad of ['', '*', '*.', 'a b', 'http://a', 'a/b', '@NPM', '-x', 'a..', '.a', 'a:']) expect([bad, EgressRule.safeParse(bad).success]).toEqual([bad, false])
})
