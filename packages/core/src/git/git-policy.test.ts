import { describe, expect, test } from 'bun:test'
import { GitPolicy } from '@berth/wire/git-policy'
import { judgeRef, matchesPattern } from './git-policy.ts'

const [ZERO, ONE, TWO] = ['0'.repeat(40), '1'.repeat(40), '2'.repeat(40)]
const said = (policy: Partial<GitPolicy>, ref: string, move: 'create' | 'update' | 'delete') => {
  const verdict = judgeRef({ name: 'demo', policy: GitPolicy.parse(policy) }, { ref, oldId: move === 'create' ? ZERO : ONE, newId: move === 'delete' ? ZERO : TWO })
  return verdict.kind === 'refused' ? 'refused' : verdict.forwardOnly ? 'forward only' : 'allowed'
}

describe('a ref', () => {
  test('of its own it makes, moves and rewrites, and does not delete', () => {
    for (const ref of ['refs/heads/berth/demo', 'refs/heads/berth/demo-2', 'refs/heads/berth/demo/x']) expect(['create', 'update', 'delete'].map((move) => said({}, ref, move as 'create'))).toEqual(['allowed', 'allowed', 'refused'])
    for (const ref of ['refs/heads/main', 'refs/heads/berth/demo2', 'refs/heads/berth/dem', 'refs/heads/berth', 'refs/tags/v1', 'refs/pull/1/head', 'HEAD']) for (const move of ['create', 'update', 'delete'] as const) expect([ref, said({}, ref, move)]).toEqual([ref, 'refused'])
  })
  test('that was chosen it adds to, and does not rewrite', () => {
    expect(['create', 'update', 'delete'].map((move) => said({ branch: 'main' }, 'refs/heads/main', move as 'create'))).toEqual(['allowed', 'forward only', 'refused'])
    expect(said({ branch: 'main', force: ['refs/heads/main'] }, 'refs/heads/main', 'update')).toBe('allowed')
    expect(said({ branch: 'main' }, 'refs/heads/main2', 'update')).toBe('refused')
  })
  test('of a tag is made where tags are, and never changed', () => {
    expect(['create', 'update', 'delete'].map((move) => said({ tags: true }, 'refs/tags/v1', move as 'create'))).toEqual(['allowed', 'refused', 'refused'])
    expect(said({ branch: 'v1' }, 'refs/tags/v1', 'create')).toBe('refused')
  })
  test('is deleted where a pattern says so', () => {
    expect(said({ delete: ['refs/heads/berth/{name}-*'] }, 'refs/heads/berth/demo-2', 'delete')).toBe('allowed')
    expect(said({ delete: ['refs/heads/berth/{name}-*'] }, 'refs/heads/berth/demo', 'delete')).toBe('refused')
  })
  test.each(['refs/heads/berth/demo/../main', 'refs/heads/berth/demo-//x', 'refs/heads/berth/demo-.lock', 'refs/heads/berth/demo/.x', 'refs/heads/berth/demo-x.', 'refs/heads/berth/demo-\n', 'refs/heads/berth/demo- x', 'refs/heads/berth/demo-~1', 'refs/heads/berth/demo-^', 'refs/heads/berth/demo-:', 'refs/heads/berth/demo-@{1}', 'refs/heads/berth/demo/', 'refs/heads/berth/demo-\u0000', 'refs/heads/berth/demo-é', 'refs/heads/berth/demo/-x'])('of an odd name is none: %j', (ref) => {
    expect(said({ create: ['refs/heads/*'], update: ['refs/heads/*'] }, ref, 'create')).toBe('refused')
  })
})

test('a pattern is text but for its stars', () => {
  expect(matchesPattern('refs/heads/a.b', 'demo', 'refs/heads/axb')).toBe(false)
  expect(matchesPattern('refs/heads/*/x', 'demo', 'refs/heads/a/b/x')).toBe(true)
  expect(matchesPattern('refs/heads/berth/{name}', 'de.mo', 'refs/heads/berth/dexmo')).toBe(false)
})
