/** People, invitations, tokens, device logins and sign-ins against a whole server. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { createClient } from '@berth/client'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { addPerson, personWith } from '../test/people.ts'

let b: Harness
beforeAll(async () => {
  b = await startHarness({ allowedMs: 200 })
}, 60_000)
afterAll(() => b?.close())

const page = () => ({ host: new URL(b.server.pageUrl).host, origin: b.server.pageUrl })
const at = (path: string, init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {}) => fetch(`${b.server.url}${path}`, { redirect: 'manual', ...init, headers: { ...page(), ...init.headers } })
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) => at(path, { method: 'POST', body: new URLSearchParams(form), headers })
const cookieOf = (response: Response): string => (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
const refusal = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'done', (error: unknown) => error)
const browser = async (cookie: string) => (await at('/api/v1/me', { headers: { cookie } })).json() as Promise<{ name?: string; role?: string; userId?: string }>

describe('an invitation', () => {
  it('lets one person in, once, with the role it names', async () => {
    const { url } = await b.client.invite({ role: 'viewer', note: 'for Ada' })
    const token = new URL(url).searchParams.get('token') ?? ''
    const shown = await (await at(`/join?token=${token}`)).text()
    expect(shown).toContain('invites you as a viewer')
    expect((await post('/join', { token, name: 'Ada' }, { origin: 'http://evil.example' })).status).toBe(403)
    const joined = await post('/join', { token, name: 'Ada <b>' })
    expect(joined.status).toBe(303)
    expect(await browser(cookieOf(joined))).toMatchObject({ name: 'Ada <b>', role: 'viewer' })
    expect((await post('/join', { token, name: 'Eve' })).status).toBe(401)
    expect(await b.client.listInvitations()).toEqual([])
    expect((await b.client.listPeople()).map(({ name, role }) => [name, role])).toContainEqual(['Ada <b>', 'viewer'])
  })

  it('can be taken back, and raises who is there already but lowers nobody', async () => {
    const taken = await b.client.invite({ role: 'owner' })
    expect(await b.client.revokeInvitation({ invitationId: taken.id })).toEqual({ revoked: true })
    expect((await post('/join', { token: new URL(taken.url).searchParams.get('token') ?? '', name: 'Eve' })).status).toBe(401)
    const member = await addPerson(b, { role: 'member', name: 'Mo' })
    for (const role of ['viewer', 'owner'] as const) {
      const token = new URL((await b.client.invite({ role })).url).searchParams.get('token') ?? ''
      expect((await b.database.store.people.join(token, { userId: member.userId }, Date.now()))?.role).toBe(role === 'viewer' ? 'member' : 'owner')
    }
    await b.client.setRole({ userId: member.userId, role: 'member' })
  })
})

describe('roles', () => {
  it('leave an organisation its last owner, and the server its own', async () => {
    const me = await b.client.me()
    expect(await refusal(b.client.setRole({ userId: me.userId, role: 'viewer' }))).toMatchObject({ code: 'conflict' })
    expect(await refusal(b.client.removePerson({ userId: me.userId }))).toMatchObject({ code: 'conflict' })
    const second = await addPerson(b, { role: 'owner', name: 'Second' })
    expect(await refusal(second.client.removePerson({ userId: me.userId }))).toMatchObject({ code: 'conflict' })
    const org = await b.client.createOrganisation({ name: 'Other' })
    const moved = await personWith(b, { userId: me.userId, scope: 'all' })
    expect((await moved.client.chooseOrganisation({ orgId: org.id })).organisation).toMatchObject({ name: 'Other', role: 'owner' })
    expect(await refusal(moved.client.removePerson({ userId: me.userId }))).toMatchObject({ code: 'conflict' })
    expect(await moved.client.listWorkspaces({})).toEqual([])
    expect(await refusal(second.client.chooseOrganisation({ orgId: org.id }))).toMatchObject({ code: 'not_found' })
    await b.client.removePerson({ userId: second.userId })
    expect(await refusal(second.client.me())).toMatchObject({ code: 'unauthorized' })
  })

  it('of a workspace are given and taken by its owner', async () => {
    const workspace = await b.create()
    const viewer = await addPerson(b, { role: 'viewer', name: 'Vi' })
    expect(await refusal(viewer.client.keepAlive({ id: workspace.id, forMs: 0 }))).toMatchObject({ code: 'forbidden' })
    const people = await b.client.grantWorkspace({ id: workspace.id, userId: viewer.userId, level: 'act' })
    expect(people.find(({ userId }) => userId === viewer.userId)).toMatchObject({ level: 'act', given: 'act', role: 'viewer' })
    expect((await viewer.client.keepAlive({ id: workspace.id, forMs: 0 })).id).toBe(workspace.id)
    expect(await refusal(viewer.client.grantWorkspace({ id: workspace.id, userId: viewer.userId, level: 'act' }))).toMatchObject({ code: 'forbidden' })
    await b.client.grantWorkspace({ id: workspace.id, userId: viewer.userId, level: null })
    expect(await refusal(viewer.client.keepAlive({ id: workspace.id, forMs: 0 }))).toMatchObject({ code: 'forbidden' })
  })
})

describe('tokens', () => {
  it('have a scope and an end, and make no others unless they may', async () => {
    const read = await b.client.createToken({ name: 'ci', scope: 'read', expiresInMs: 3600_000 })
    const client = createClient({ url: b.server.url, token: read.token })
    expect(await client.me()).toMatchObject({ scope: 'read', kind: 'api' })
    expect(await refusal(client.createToken({ name: 'more', scope: 'all' }))).toMatchObject({ code: 'forbidden' })
    expect(await refusal(client.createSignInLink({}))).toMatchObject({ code: 'forbidden' })
    expect((await b.client.listTokens()).find(({ id }) => id === read.id)).toMatchObject({ name: 'ci', scope: 'read', kind: 'api', current: false, expiresAt: read.expiresAt })
    await b.database.sql`update tokens set expires_at = ${Date.now() - 1} where id = ${read.id}`
    expect(await refusal(client.me())).toMatchObject({ code: 'unauthorized' })
  })

  it('all end but the one that asks, and the command line of the server stays', async () => {
    const { userId } = await b.client.me()
    const [one, other] = [await personWith(b, { userId, scope: 'all' }), await personWith(b, { userId, scope: 'all' })]
    expect((await one.client.signOutEverywhere({ tokens: true })).revoked).toBeGreaterThan(0)
    expect(await refusal(other.client.me())).toMatchObject({ code: 'unauthorized' })
    expect((await one.client.me()).userId).toBe(userId)
    expect((await b.client.me()).userId).toBe(userId)
    expect(await refusal(b.client.signOut({}))).toMatchObject({ code: 'conflict' })
    expect(await one.client.signOut({})).toEqual({ revoked: 1 })
    expect(await refusal(one.client.me())).toMatchObject({ code: 'unauthorized' })
  })
})

describe('a program without a browser', () => {
  const anybody = () => createClient({ url: b.server.url })
  it('is let in by who is signed in, once', async () => {
    const begun = await anybody().beginDeviceLogin({ name: 'berth on laptop' })
    expect(begun.userCode).toMatch(/^[B-Z2-9]{4}-[B-Z2-9]{4}$/)
    expect(await anybody().pollDeviceLogin({ deviceCode: begun.deviceCode })).toMatchObject({ state: 'waiting' })
    const ada = await addPerson(b, { role: 'member', name: 'Ada' })
    expect(await ada.client.getDeviceLogin({ userCode: begun.userCode.toLowerCase() })).toMatchObject({ name: 'berth on laptop' })
    await ada.client.answerDeviceLogin({ userCode: begun.userCode, decision: 'approve' })
    const done = await anybody().pollDeviceLogin({ deviceCode: begun.deviceCode })
    expect(done).toMatchObject({ state: 'done', name: 'Ada' })
    expect((await createClient({ url: b.server.url, token: done.token ?? '' }).me()).userId).toBe(ada.userId)
    expect(await refusal(anybody().pollDeviceLogin({ deviceCode: begun.deviceCode }))).toMatchObject({ code: 'not_found' })
    expect(await refusal(ada.client.answerDeviceLogin({ userCode: begun.userCode, decision: 'approve' }))).toMatchObject({ code: 'not_found' })
  })

  it('is told when it was not, and a read token lets nobody in', async () => {
    const begun = await anybody().beginDeviceLogin({ name: 'x' })
    const { userId } = await b.client.me()
    expect(await refusal((await personWith(b, { userId, scope: 'read' })).client.answerDeviceLogin({ userCode: begun.userCode, decision: 'approve' }))).toMatchObject({ code: 'forbidden' })
    await b.client.answerDeviceLogin({ userCode: begun.userCode, decision: 'deny' })
    expect(await anybody().pollDeviceLogin({ deviceCode: begun.deviceCode })).toMatchObject({ state: 'denied', token: null })
  })
})

describe('signing in', () => {
  it('makes a new session and ends the one the browser came with', async () => {
    const link = async () => new URL((await b.client.createSignInLink({})).url).searchParams.get('code') ?? ''
    const first = cookieOf(await post('/sign-in', { code: await link() }))
    const second = cookieOf(await post('/sign-in', { code: await link() }, { cookie: first }))
    expect(second).not.toBe(first)
    expect(await browser(first)).toMatchObject({ code: 'unauthorized' })
    expect(await browser(second)).toMatchObject({ role: 'owner' })
    // One that somebody made up beforehand is not taken over.
    const made = cookieOf(await post('/sign-in', { code: await link() }, { cookie: 'berth_session=chosen-by-somebody' }))
    expect(made).not.toContain('chosen')
  })

  it('is refused slower and slower to who guesses, and never to who has the right link', async () => {
    const from = { 'x-forwarded-for': '203.0.113.9' }
    const statuses: number[] = []
    for (let attempt = 0; attempt < 9; attempt++) statuses.push((await post('/sign-in', { code: `guess${attempt}` }, from)).status)
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
    expect(statuses.at(-1)).toBe(429)
    expect((await post('/sign-in', { code: 'guess' }, { 'x-forwarded-for': '203.0.113.10' })).status).toBe(401)
    const code = new URL((await b.client.createSignInLink({})).url).searchParams.get('code') ?? ''
    expect((await post('/sign-in', { code }, from)).status).toBe(303)
  })
})

it('what was done is written down, with who, refused or not, and the chain holds', async () => {
  const { records, intact } = await b.client.listAudit({ limit: 500, verify: 'true' })
  expect(intact).toBe(true)
  const actions = new Set(records.map(({ action, allowed }) => `${action} ${allowed}`))
  for (const seen of ['sign-in true', 'sign-in.refused false', 'person.invite true', 'person.join true', 'person.role true', 'person.role false', 'person.remove true', 'workspace.create true', 'workspace.grant true', 'workspace.grant false', 'token.create true', 'token.create false', 'device.answer true', 'sign-out true']) expect(actions).toContain(seen)
  expect(records.find(({ action }) => action === 'workspace.create')?.workspaceId).not.toBeNull()
  for (const { actor } of records) expect(actor).toMatch(/\(usr_|^somebody at /)
  expect(JSON.stringify(records)).not.toMatch(/berth(inv|in|dev|step)?_[A-Za-z0-9_-]{20}/)
}, 20_000)

describe('what was taken away', () => {
  it('ends live sockets and streams within moments', async () => {
    const workspace = await b.create()
    const person = await addPerson(b, { role: 'member', name: 'Leaving' })
    const socket = new WebSocket(`${b.server.url.replace('http', 'ws')}/api/v1/socket`, { headers: { authorization: `Bearer ${person.token}` } } as unknown as string[])
    const closed = new Promise<number>((resolve) => { socket.onclose = ({ code }) => resolve(code) })
    await new Promise((resolve) => { socket.onopen = resolve })
    const stream = await person.fetch(`/api/v1/workspaces/${workspace.id}/stream?offset=-1&live=sse`)
    const reader = stream.body?.getReader()
    await reader?.read()
    const since = performance.now()
    await b.client.removePerson({ userId: person.userId })
    expect(await closed).toBe(4401)
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read());
    expect(performance.now() - since).toBeLessThan(10_000)
  }, 20_000)
})
