import { describe, expect, it } from 'bun:test'
import { CreateWorkspace } from '@berth/wire/api'
import { EMPTY_FORM, fieldOf, newKey, readForm, type Form } from './form.ts'

function check(form: Partial<Form>, isolation: string | null = 'container') {
  const read = readForm({ ...EMPTY_FORM, repository: 'https://example.com/a/b.git', ...form }, { isolation, idempotencyKey: 'key' })
  // Whatever the form lets through, the contract takes.
  if ('request' in read) CreateWorkspace.parse(read.request)
  return read
}

describe('the form of a new workspace', () => {
  it('asks for what was filled in, and nothing else', () => {
    expect(check({ branch: ' main ', prompt: 'fix it', provider: 'docker', size: 'middle', sleep: 'never' })).toEqual({
      request: {
        source: { kind: 'git', url: 'https://example.com/a/b.git', branch: 'main' }, agent: 'claude', approvalMode: 'ask', provider: 'docker', prompt: 'fix it',
        resources: { cpus: 4, memoryBytes: 8 * 1024 ** 3 }, autoStopMs: 0, idempotencyKey: 'key',
      },
    })
    expect(check({ empty: true, repository: 'x' })).toEqual({ request: expect.objectContaining({ source: { kind: 'empty' } }) })
    expect(check({ agent: 'plain', command: 'htop', prompt: 'not this' })).toEqual({ request: expect.not.objectContaining({ prompt: 'not this' }) })
  })

  it('asks for an engine and a root of its own only where a person wants them', () => {
    expect(check({ docker: true })).toEqual({ request: expect.objectContaining({ resources: { docker: true } }) })
    expect(check({ size: 'small', sudo: true })).toEqual({ request: expect.objectContaining({ resources: { cpus: 2, memoryBytes: 4 * 1024 ** 3, sudo: true } }) })
  })

  it('gives the agent the servers that stand there, a line each', () => {
    expect(check({ mcp: ' docs=https://mcp.example.com/mcp\n\nfiles=npx -y "a b"\n' })).toEqual({ request: expect.objectContaining({ mcp: { own: true, servers: [
      { kind: 'http', name: 'docs', url: 'https://mcp.example.com/mcp', headers: {} }, { kind: 'stdio', name: 'files', command: 'npx', args: ['-y', 'a b'], env: {} },
    ] } }) })
    expect(check({ ownTools: false })).toEqual({ request: expect.objectContaining({ mcp: { own: false, servers: [] } }) })
    expect(check({ mcp: 'docs=http://u:p@x' })).toEqual({ wrong: { mcp: expect.stringMatching(/^docs: its address holds/) } })
    expect(check({ mcp: 'docs' })).toEqual({ wrong: { mcp: expect.stringContaining('“docs”') } })
  })

  it('takes what git takes for an address', () => {
    for (const repository of ['https://h/a', 'ssh://git@h/a/b', 'git@github.com:a/b.git', '/srv/code', 'file:///srv/code']) expect(check({ repository })).toHaveProperty('request')
    for (const repository of ['', 'owner/name', 'https://h', 'not an address']) expect(check({ repository })).toEqual({ wrong: { repository: expect.any(String) } })
  })

  it('asks for a path of the server’s machine as git wants it', () => {
    expect(check({ repository: '/srv/code' })).toEqual({ request: expect.objectContaining({ source: { kind: 'git', url: 'file:///srv/code' } }) })
  })

  it('says what is missing where it is missing', () => {
    expect(check({ agent: 'plain' })).toEqual({ wrong: { command: expect.any(String) } })
    expect(check({ name: 'Not Good' })).toEqual({ wrong: { name: expect.any(String) } })
    expect(check({}, 'none')).toEqual({ wrong: { acceptNoIsolation: expect.any(String) } })
    expect(check({ acceptNoIsolation: true }, 'none')).toEqual({ request: expect.objectContaining({ acceptNoIsolation: true }) })
  })

  it('puts a refusal beside its field', () => {
    expect([fieldOf('name_taken'), fieldOf('provider_unavailable'), fieldOf('internal')]).toEqual(['name', 'provider', 'all'])
  })
})

it('makes keys that differ', () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/)
  expect(newKey()).not.toBe(newKey())
})
