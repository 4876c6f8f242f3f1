import { describe, expect, test } from 'bun:test'
import { mayUseCredential, repositoryAddress, repositoryPath } from './repository-access.ts'

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

test('the credential is for the repository that the workspace was made from', () => {
  const source = { kind: 'git', url: 'git@github.com:northquay/ledger.git' } as const
  expect(mayUseCredential(source, { origin: 'https://github.com', path: 'northquay/ledger' })).toBe(true)
  expect(mayUseCredential(source, { origin: 'https://github.com', path: 'northquay/Ledger' })).toBe(false)
  expect(mayUseCredential(source, { origin: 'https://github.com', path: 'northquay/other' })).toBe(false)
  expect(mayUseCredential(source, { origin: 'https://gitlab.com', path: 'northquay/ledger' })).toBe(false)
  expect(mayUseCredential({ kind: 'empty' }, { origin: 'https://github.com', path: 'northquay/ledger' })).toBe(false)
})
