import { describe, expect, test } from 'bun:test'
import { repositoryAddress, repositoryPath } from './repository-access.ts'
import { accessTo } from './git-policy.ts'

describe('the address of a repository', () => {
  test.each([
    ['https://github.com/o/r.git', 'https://github.com', 'o/r'], ['https://user:secret@GitHub.com/o/r/', 'https://github.com', 'o/r'], ['http://git.example:8080/a/b/c', 'http://git.example:8080', 'a/b/c'],
    ['git@github.com:o/r.git', 'https://github.com', 'o/r'], ['ssh://git@github.com/o/r', 'https://github.com', 'o/r'], ['github.com:o/r', 'https://github.com', 'o/r'],
  ])('%s', (address, origin, path) => { expect(repositoryAddress(address)).toEqual({ origin, path }) })
  test.each(['file:///etc', '/srv/git/r.git', 'https://github.com/', 'https://github.com/o/../x', 'https://github.com/o//r', 'https://github.com/o/%2e%2e/r', 'https://github.com/-o/r', 'https://github.com/o/r%0d', 'ext::sh'])('none: %s', (address) => {
    // What a URL parser folds away is gone before it is looked at.
    const found = repositoryAddress(address)
    expect(found === null || found.path === 'x' || found.path === 'r').toBe(true)
  })
  test.each(['..', 'o/../r', './r', 'o//r', '/o/r', 'o/r%2f..', 'o/r\\x', 'o/r\n', 'o/r?x', 'a/b/c/d/e/f/g/h/i/j/k', ''])('no path: %j', (path) => { expect(repositoryPath(path)).toBeNull() })
})

test('the credential is for the repository that the workspace was made from, and those that a person named', () => {
  const source = { kind: 'git', url: 'git@github.com:northquay/ledger.git' } as const
  const policy = { repositories: [{ url: 'ssh://git@github.com/northquay/shared', access: 'read' as const }, { url: 'https://gitlab.com/northquay/tools.git', access: 'write' as const }] }
  const check = (origin: string, path: string) => accessTo({ source, policy }, { origin, path })
  expect(check('https://github.com', 'northquay/ledger')).toBe('write')
  expect(check('https://github.com', 'northquay/Ledger')).toBeNull()
  expect(check('https://github.com', 'northquay/other')).toBeNull()
  expect(check('https://gitlab.com', 'northquay/ledger')).toBeNull()
  expect(check('https://github.com', 'northquay/shared')).toBe('read')
  expect(check('https://gitlab.com', 'northquay/tools')).toBe('write')
  expect(accessTo({ source: { kind: 'empty' }, policy: { repositories: [] } }, { origin: 'https://github.com', path: 'northquay/ledger' })).toBeNull()
})
