import { afterAll, beforeAll, expect, it } from 'bun:test'
import { SOCKET_PATH } from '@berth/wire/live'
import type { ToPage } from '@berth/wire/live'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'

let b: Harness
let cookie = ''
const host = () => new URL(b.server.pageUrl).host
const asBrowser = (path: string, init: RequestInit = {}) => fetch(`${b.server.url}${path}`, { ...init, headers: { host: host(), origin: b.server.pageUrl, cookie, 'content-type': 'application/json', accept: 'text/html' } })
const names = async (path: string) => ((await (await asBrowser(path)).json()) as { name: string }[]).map(({ name }) => name)

beforeAll(async () => {
  b = await startHarness()
  const code = new URL((await b.client.createSignInLink({ next: '/' })).url).searchParams.get('code') ?? ''
  const signed = await fetch(`${b.server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { host: host(), origin: b.server.pageUrl }, body: new URLSearchParams({ code }) })
  cookie = signed.headers.get('set-cookie')?.split(';')[0] ?? ''
}, 60_000)
afterAll(() => b?.close())

it('hides from browsers what is not on the web, wherever they look, and from nobody else', async () => {
  const shown = await b.create()
  const hidden = await b.create()
  const heard: ToPage[] = []
  const socket = new WebSocket(`${b.server.url.replace(/^http/, 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${b.server.token}` } } as unknown as string[])
  const told = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => socket.addEventListener('message', resolve, { once: true })) }
  socket.onmessage = ({ data }) => void heard.push(JSON.parse(String(data)) as ToPage)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  for (const message of [{ type: 'list' }, { type: 'watch', workspaceId: hidden.id, after: 0 }]) socket.send(JSON.stringify(message))
  await told(() => heard.some((message) => message.type === 'list' && message.workspaces.some(({ id }) => id === hidden.id)))
  expect(await names('/api/v1/workspaces')).toContain(hidden.name)

  expect(await b.client.setWeb({ id: hidden.id, on: false })).toMatchObject({ web: false })
  // Pages that show it lose it by the list, and what they watch ends.
  await told(() => { const list = heard.findLast((message) => message.type === 'list'); return list !== undefined && !list.workspaces.some(({ id }) => id === hidden.id) })
  await told(() => heard.some((message) => message.type === 'refused' && message.workspaceId === hidden.id))
  socket.close()
  expect(await names('/api/v1/workspaces')).toEqual([shown.name])
  for (const path of ['', '/events', '/review', '/stream?offset=-1', '/terminals/agent/attach']) expect([path, (await asBrowser(`/api/v1/workspaces/${hidden.id}${path}`)).status]).toEqual([path, 404])
  expect((await asBrowser(`/git/${hidden.id}/info/refs?service=git-upload-pack`)).status).toBe(404)
  for (const path of [`/workspaces/${hidden.id}`, '/']) expect(await (await asBrowser(path)).text()).not.toContain(`>${hidden.name}<`)
  expect((await asBrowser(`/api/v1/workspaces/${hidden.id}/web`, { method: 'POST', body: JSON.stringify({ on: true }) })).status).toBe(404)

  expect((await b.client.listWorkspaces({})).map(({ name }) => name)).toContain(hidden.name)
  await b.client.setWeb({ id: hidden.id, on: true })
  expect(await names('/api/v1/workspaces')).toContain(hidden.name)
  const { events } = await b.client.listEvents({ id: hidden.id })
  expect(events.flatMap(({ body }) => (body.type === 'workspace.notice' ? [body['code']] : [])).filter((code) => String(code).startsWith('web_'))).toEqual(['web_off', 'web_on'])
}, 60_000)

it('asks no browser about what is not on the web', async () => {
  const { id } = await b.create({ web: false })
  expect((await b.client.getWorkspace({ id })).web).toBe(false)
  expect((await asBrowser(`/api/v1/workspaces/${id}/messages`, { method: 'POST', body: JSON.stringify({ text: 'hello' }) })).status).toBe(404)
}, 60_000)
