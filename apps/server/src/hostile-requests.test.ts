import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness()
})
afterAll(() => b?.close())

const json = { 'content-type': 'application/json' }
const push = { 'content-type': 'application/x-git-receive-pack-request' }

/** Every one is the caller's mistake: told as such, and no bug in the log. */
async function refused(path: string, init: Parameters<Harness['fetch']>[1] = {}): Promise<string> {
  const response = await b.fetch(path, init)
  const { code, hint } = (await response.json()) as { code: string; hint?: string }
  expect([path, response.status >= 400 && response.status < 500, hint]).toEqual([path, true, expect.stringMatching(/\S/)])
  return code
}

describe('a hostile request with a credential', () => {
  it('is refused in words, makes nothing, and is no bug of the server', async () => {
    const before = await b.client.listWorkspaces({})
    const source = (label: string): string => JSON.stringify({ name: 'zero', source: { kind: 'archive', label }, agent: 'plain', command: 'true' })
    expect(await refused('/api/v1/workspaces', { method: 'POST', headers: json, body: source('a\u0000b') })).toBe('bad_request')
    expect(await refused('/api/v1/workspaces', { method: 'POST', headers: json, body: JSON.stringify({ source: { kind: 'empty' }, agent: 'plain', command: 'a\u0000b' }) })).toBe('bad_request')
    // What starts a program with such a variable says its value.
    for (const [path, method, body] of [['/api/v1/workspaces', 'POST', { source: { kind: 'empty' }, agent: 'plain', command: 'true', env: { KEY: 'hunter2\0' } }], ['/api/v1/project-secrets', 'PUT', { project: '/x', name: 'KEY', value: 'hunter2\0' }]] as const) {
      const told = await b.fetch(path, { method, headers: json, body: JSON.stringify(body) })
      expect([told.status, await told.text()]).toEqual([400, expect.not.stringContaining('hunter2')])
    }
    expect(await refused('/api/v1/workspaces', { method: 'POST', headers: json, body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]) })).toBe('bad_request')
    expect(await refused('/api/v1/workspaces', { method: 'POST', headers: json, body: '['.repeat(100_000) })).toBe('bad_request')
    expect(await refused('/api/v1/workspaces', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: source('x') })).toBe('bad_request')
    expect(await b.client.listWorkspaces({})).toEqual(before)

    const { id } = await b.create()
    expect(await refused(`/api/v1/workspaces/${id}/terminals/%E0%A4%A/attach`)).toBe('bad_request')
    expect(await refused(`/api/v1/workspaces/${id}/terminals/x/attach`)).toBe('bad_request')
    expect(await refused(`/git/${id}/git-receive-pack`, { method: 'POST', headers: { ...push, 'content-encoding': 'gzip' }, body: 'no gzip at all' })).toBe('bad_request')
    expect(await refused(`/git/${id}/git-receive-pack`, { method: 'POST', headers: push, body: 'zzzz' })).toBe('bad_request')
    expect(await refused(`/git/${id}/git-receive-pack`, { method: 'POST', headers: push, body: '00a0' })).toBe('bad_request')
    expect(await refused(`/git/${id}/HEAD`)).toBe('not_found')
    expect(await refused(`/git/${id}/info/refs?service=git-shell`)).toBe('bad_request')
    expect((await readdir(`${b.home}/repos`)).filter((name) => name.startsWith(id))).toEqual([`${id}.git`])
    expect(await b.client.sendMessage({ id, text: 'a\u0000b' }).then(({ status }) => status, (error: unknown) => (error as { code: string }).code)).toMatch(/^(queued|bad_request)$/)
    expect(b.logged.filter((line) => line.startsWith('bug:'))).toEqual([])
    expect(b.logged.join('\n')).not.toContain(b.server.token)
  }, 20_000)
})
