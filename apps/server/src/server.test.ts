import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ROUTE_RIGHTS } from '@berth/core'
import { randomIds } from '@berth/wire'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { API_PREFIX } from '@berth/wire/routes'
import { LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import { contractRoutes } from './http/openapi.ts'
import { EXTRA_ROUTES } from './http/control.ts'
import { serve } from './main.ts'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness()
})
afterAll(() => b?.close())

const id = randomIds.workspace()
const filled = (path: string) => path.replace('{viewerId}', randomIds.viewer()).replace('{terminalId}', 'agent').replace(/\{id\}/, path.includes('/approvals') ? randomIds.approval() : path.includes('/tokens') ? randomIds.token() : id)

describe('without a credential', () => {
  const routes = [...contractRoutes().map(({ method, path }) => ({ method, path: `${API_PREFIX}${path}` })), ...EXTRA_ROUTES]
  it('every route refuses but health and asking to be let in', async () => {
    const open: string[] = []
    for (const { method, path } of routes) {
      const wrong = { authorization: 'Bearer brt_not-a-token' }
      for (const headers of [{}, wrong, { cookie: 'berth_session=made-up' }]) {
        const response = await fetch(`${b.server.url}${filled(path)}`, { method, headers, redirect: 'manual' })
        if (response.status !== 401) open.push(`${method} ${path} ${response.status}`)
        await response.body?.cancel()
      }
    }
    const thrice = (route: string) => Array.from({ length: 3 }, () => `${route}`)
    // A program that has no credential yet asks for one; without its fields it is told what is missing.
    expect(open).toEqual([...['', '/token'].map((rest) => `POST ${API_PREFIX}/device-logins${rest} 400`).flatMap(thrice), ...thrice(`GET ${API_PREFIX}/health 200`)])
    expect(Object.entries(ROUTE_RIGHTS).flatMap(([route, right]) => (right === 'anybody' ? [route] : []))).toEqual(['health', 'beginDeviceLogin', 'pollDeviceLogin'])
    expect((await fetch(`${b.server.url}/health`)).status).toBe(200)
  })

  it('a path that does not exist says no more than one that does', async () => {
    expect((await fetch(`${b.server.url}/api/v1/nothing`)).status).toBe(401)
    expect((await fetch(`${b.server.url}/.env`)).status).toBe(401)
  })
})

describe('requests', () => {
  it('are refused for names that are not ours', async () => {
    for (const [host, status] of [['evil.example', 403], ['127.0.0.1', 200], ['berth.localhost', 200], ['localhost:99', 200]] as const) {
      expect((await b.fetch('/api/v1/server', { headers: { host } })).status).toBe(status)
    }
  })

  it('name the field that is wrong', async () => {
    const response = await b.fetch('/api/v1/workspaces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ source: { kind: 'empty' }, name: 'Not A Name' }) })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'bad_request', message: expect.stringContaining('name:'), details: { issues: [{ field: 'name' }] } })
  })

  it('are JSON or nothing, within limits', async () => {
    const form = await b.fetch('/api/v1/workspaces', { method: 'POST', body: new URLSearchParams({ name: 'x' }) })
    expect(await form.json()).toMatchObject({ code: 'bad_request' })
    const garbage = await b.fetch('/api/v1/workspaces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name": ' })
    expect(await garbage.json()).toMatchObject({ code: 'bad_request' })
    const large = await b.fetch('/api/v1/workspaces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: 'x'.repeat(33 * 1024 * 1024) })
    expect(await large.json()).toMatchObject({ code: 'too_large' })
  })

  it('for what is not there say so', async () => {
    expect(await (await b.fetch(`/api/v1/workspaces/${id}`)).json()).toMatchObject({ code: 'not_found' })
    expect(await (await b.fetch('/api/v1/nothing')).json()).toMatchObject({ code: 'not_found' })
    expect(await (await b.fetch('/git/ws_x/info/refs')).json()).toMatchObject({ code: 'not_found' })
    expect((await b.fetch('/assets/nothing.js')).status).toBe(404)
  })

  it('are answered with headers that close what a browser leaves open', async () => {
    const response = await b.fetch('/api/v1/server')
    for (const header of ['x-content-type-options', 'content-security-policy', 'referrer-policy', 'x-frame-options']) expect(response.headers.get(header)).not.toBeNull()
    expect(await (await b.fetch('/')).text()).toContain('<div id="app">')
  })
})

describe('a server', () => {
  it('keeps its files to its owner', async () => {
    for (const name of [SERVER_FILE, TOKEN_FILE, 'home.lock', 'master.key']) expect((await stat(join(b.home, name))).mode & 0o077).toBe(0)
    expect(b.logged.join('\n')).not.toContain(b.server.token)
  })

  it('refuses a second one on the same home', async () => {
    expect(await serve({ home: b.home, port: 0, databaseUrl: b.database.url }).catch((error: unknown) => error)).toMatchObject({ code: 'server_running' })
  })

  it('says which line of its configuration is wrong', async () => {
    const { parseConfig } = await import('./compose/config.ts')
    const refusal = (text: string) => {
      try {
        return parseConfig(text, 'config.yaml')
      } catch (error) {
        return error
      }
    }
    expect(refusal('port: 80\nlisten: 127.0.0.1\n')).toEqual({ port: 80, listen: '127.0.0.1' })
    expect(refusal('')).toEqual({})
    expect(refusal('listen: 127.0.0.1\nport: many\n')).toMatchObject({ code: 'config_invalid', details: { line: 2 } })
    expect(refusal('\nprot: 80\n')).toMatchObject({ code: 'config_invalid', details: { line: 2 }, message: expect.stringContaining('prot') })
    expect(refusal('port: 80\nlisten: [\n')).toMatchObject({ code: 'config_invalid', details: { line: 2 } })
  })

  it('has generated files that are current', async () => {
    const root = join(import.meta.dir, '../../..')
    const check = Bun.spawn([process.execPath, 'scripts/generate.ts', '--check'], { cwd: root, stdout: 'ignore', stderr: 'pipe' })
    expect({ code: await check.exited, said: await new Response(check.stderr).text() }).toMatchObject({ code: 0 })
  })
})

describe('a workspace', () => {
  it('is created once for a repeated request, gets a name of its own and a machine', async () => {
    const made = await b.create({ source: { kind: 'git', url: 'https://example.org/some/Thing.git' }, idempotencyKey: 'k1' })
    expect(made).toMatchObject({ name: 'thing', provider: 'fake', phase: 'queued' })
    expect((await b.create({ source: { kind: 'git', url: 'https://example.org/some/Thing.git' }, idempotencyKey: 'k1' })).id).toBe(made.id)
    expect((await b.create({ source: { kind: 'git', url: 'https://example.org/other/thing' } })).name).toBe('thing-2')
    expect(await b.create({ name: 'thing' }).catch((error: unknown) => error)).toMatchObject({ code: 'name_taken' })
    const starting = await b.until(made.id, ({ phase }) => phase === 'starting')
    expect(starting.generation).toBe(1)
    expect(b.provider.machines().some(({ owner }) => typeof owner === 'object' && owner.workspaceId === made.id)).toBe(true)
    const stopped = b.until(made.id, ({ phase }) => phase === 'stopped')
    await b.client.stopWorkspace({ id: made.id })
    expect((await stopped).wish).toMatchObject({ target: 'stopped', by: 'user' })
  })

  it('leaves nothing when it is deleted', async () => {
    const made = await b.create({ source: { kind: 'archive', label: '/home/me/plain' } })
    expect((await b.fetch(`/api/v1/workspaces/${made.id}/archive`, { method: 'PUT', body: 'zst' })).status).toBe(200)
    await b.client.sourceReady({ id: made.id })
    expect((await b.fetch(`/git/${made.id}/info/refs?service=git-upload-pack`)).status).toBe(200)
    expect(await Bun.file(join(b.home, 'uploads', `${made.id}.tar.zst`)).exists()).toBe(true)
    await b.client.deleteWorkspace({ id: made.id })
    await b.until(made.id, ({ phase }) => phase === 'deleted')
    // The last tick's own cleaning comes right after its event; stopping waits for the tick.
    await b.close()
    expect(b.provider.machines().some(({ owner }) => typeof owner === 'object' && owner.workspaceId === made.id)).toBe(false)
    b = await startHarness()
  })

  it('refuses sources that are no plain urls', async () => {
    for (const url of ['ext::sh -c id', '--upload-pack=x', '/etc', 'https://me:secret@example.org/x', 'javascript:x']) {
      const refused = await b.create({ source: { kind: 'git', url } }).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'bad_request' })
      expect(JSON.stringify(refused)).not.toContain('secret')
    }
    expect(await b.create({ provider: 'moon' }).catch((error: unknown) => error)).toMatchObject({ code: 'provider_unknown', hint: expect.stringContaining('fake') })
  })

  it('is refused when its daemon could never be told of it, and so is one message too many', async () => {
    const value = 'x'.repeat(60 * 1024)
    const env = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`VALUE_${index}`, value]))
    expect(await b.create({ name: 'huge', env }).catch((error: unknown) => error)).toMatchObject({ code: 'too_large', hint: expect.any(String) })
    expect((await b.client.listWorkspaces({})).map(({ name }) => name)).not.toContain('huge')
    const { VALUE_8: _, VALUE_7: __, ...fewer } = env
    const made = await b.create({ env: fewer })
    const text = 'y'.repeat(230 * 1024)
    await b.client.sendMessage({ id: made.id, text })
    await b.client.sendMessage({ id: made.id, text })
    expect(await b.client.sendMessage({ id: made.id, text }).catch((error: unknown) => error)).toMatchObject({ code: 'too_many' })
    const { assignmentFor } = await import('./services/assignment.ts')
    const assignment = await assignmentFor({ store: b.server.store, clock: { now: () => Date.now() }, claudeExecutable: null, versionOf: () => null }, made.id)
    expect(Buffer.byteLength(JSON.stringify(assignment))).toBeLessThan(LINK_MESSAGE_LIMIT)
    expect(assignment.prompts).toHaveLength(2)
  })

  it('keeps a message for an agent that is not there yet', async () => {
    const made = await b.create()
    expect(await b.client.sendMessage({ id: made.id, text: 'hello' })).toMatchObject({ status: 'queued' })
    expect(await b.server.store.prompts.pending(made.id)).toMatchObject([{ text: 'hello' }])
    expect(await b.client.interrupt({ id: made.id }).catch((error: unknown) => error)).toMatchObject({ code: 'workspace_busy' })
  })
})
