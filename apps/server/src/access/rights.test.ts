/** Every way into a whole server, by each kind of person, against the table of rights. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { BESIDE_RIGHTS, isLevel, mayDo, ROUTE_RIGHTS } from '@berth/core'
import type { Asking, Right } from '@berth/core'
import { randomIds } from '@berth/wire'
import type { OrgId, Workspace } from '@berth/wire'
import { API_PREFIX, routes } from '@berth/wire/routes'
import type { RouteName } from '@berth/wire/routes'
import { EXTRA_ROUTES } from '../http/control.ts'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { addPerson, give, personWith } from '../test/people.ts'
import type { Person } from '../test/people.ts'

let b: Harness
let homeOrg: OrgId
beforeAll(async () => {
  b = await startHarness()
  homeOrg = (await b.database.store.access.bootstrap(Date.now())).orgId
}, 60_000)
afterAll(() => b?.close())

interface Way { readonly name: string; readonly method: string; readonly path: string; readonly right: Right }
/** Ends the server under the test. */
const LEFT_OUT: readonly string[] = ['stopServer'] satisfies RouteName[]
/** After which there is less to ask about. */
const LAST: readonly string[] = ['deleteWorkspace', 'signOut'] satisfies RouteName[]
const ways: readonly Way[] = [
  ...Object.entries(routes).map(([name, route]): Way => {
    const [method = '', path = ''] = route.split(' ')
    return { name, method, path: API_PREFIX + path, right: ROUTE_RIGHTS[name as RouteName] }
  }),
  ...EXTRA_ROUTES.map(({ method, path, as }): Way => ({ name: `${as} ${method}`, method, path, right: BESIDE_RIGHTS[as] })),
].toSorted((one, other) => LAST.indexOf(one.name) - LAST.indexOf(other.name))

type Someone = Person & Pick<Asking, 'role' | 'scope'>
const EVERYBODY: Readonly<Record<string, (workspace: Workspace) => Promise<Someone>>> = {
  owner: async () => ({ ...(await ownerWith('all')), role: 'owner', scope: 'all' }),
  'owner, token to write': async () => ({ ...(await ownerWith('write')), role: 'owner', scope: 'write' }),
  'owner, token to read': async () => ({ ...(await ownerWith('read')), role: 'owner', scope: 'read' }),
  member: async () => ({ ...(await addPerson(b, { role: 'member' })), role: 'member', scope: 'all' }),
  viewer: async () => ({ ...(await addPerson(b, { role: 'viewer' })), role: 'viewer', scope: 'all' }),
  guest: async () => ({ ...(await addPerson(b, { role: 'guest' })), role: 'guest', scope: 'all' }),
  'guest who collaborates': async ({ repository }) => {
    const person = await addPerson(b, { role: 'guest' })
    await b.database.sql`insert into repository_access ${b.database.sql({ userId: person.userId, orgId: homeOrg, repository, may: 'write', checkedAt: Date.now() })}`
    return { ...person, role: 'guest', scope: 'all' }
  },
  'viewer who may visit': (workspace) => given('visit', workspace),
  'viewer who may act': (workspace) => given('act', workspace),
  'owner of another organisation': async () => {
    const orgId = randomIds.org()
    await b.database.sql`insert into organisations ${b.database.sql({ id: orgId, name: 'elsewhere', createdAt: Date.now() })}`
    return { ...(await addPerson(b, { role: 'owner', orgId })), role: 'owner', scope: 'all' }
  },
}
const ownerWith = async (scope: Asking['scope']) => personWith(b, { userId: (await b.database.store.access.bootstrap(Date.now())).userId, scope })
async function given(level: 'visit' | 'act', workspace: Workspace): Promise<Someone> {
  const person = await addPerson(b, { role: 'viewer' })
  await give(b, { to: person.userId, level, workspaceId: workspace.id })
  return { ...person, role: 'viewer', scope: 'all' }
}

async function ask(person: Person, way: Way, workspace: Workspace): Promise<{ status: number; code: string; message: string }> {
  const filled = way.path.replace('/approvals/{id}', '/approvals/apr_0123456789ab').replace('{preview}', encodeURIComponent(b.server.previewUrl({ port: 3000, label: workspace.name }))).replace('{id}', workspace.id)
  const path = filled.replaceAll(/\{\w+\}/g, 'nothing')
  const reads = way.method === 'GET' || way.method === 'HEAD'
  const response = await person.fetch(path, { method: way.method, redirect: 'manual', ...(reads ? {} : { body: '{}', headers: { 'content-type': 'application/json' } }) })
  const text = await response.text()
  let body: { code?: string; message?: string } = {}
  try { body = JSON.parse(text) as typeof body } catch { /* a page */ }
  return { status: response.status, code: body.code ?? '', message: body.message ?? '' }
}

describe('every way in', () => {
  for (const [who, make] of Object.entries(EVERYBODY)) {
    it(`is open to ${who} as the table says, and to nothing more`, async () => {
      const workspace = await b.create({ source: { kind: 'git', url: `https://example.org/x/${randomIds.token()}` } })
      const person = await make(workspace)
      const standing = await b.database.store.access.standing(person.userId, workspace.id)
      const { orgId } = (await b.database.store.access.authenticate(person.token, Date.now())) ?? { orgId: homeOrg }
      for (const way of ways) {
        if (LEFT_OUT.includes(way.name) && who === 'owner') continue
        // There is none of that name: whoever asks learns that, and nothing else.
        const asksApproval = way.path.includes('/approvals/{id}')
        const verdict = mayDo({ userId: person.userId, orgId, role: person.role, scope: person.scope }, way.right, { standing, homeOrg })
        const { status, code, message } = await ask(person, way, workspace)
        const seen = [who, way.name, status, code]
        if (asksApproval && isLevel(way.right)) expect(seen).toEqual([who, way.name, 404, 'not_found'])
        else if (verdict.may) expect([who, way.name, /^(unauthorized|internal)$/.test(code) || /access denied|no workspace/.test(message)]).toEqual([who, way.name, false])
        else expect(seen).toEqual(way.method === 'HEAD' ? [who, way.name, verdict.because === 'unseen' ? 404 : 403, ''] : verdict.because === 'unseen' ? [who, way.name, 404, 'not_found'] : [who, way.name, 403, 'forbidden'])
      }
    }, 60_000)
  }
})

it('says in words that access is denied, and what it would take', async () => {
  const workspace = await b.create()
  const viewer = await addPerson(b, { role: 'viewer' })
  expect(await viewer.client.sendMessage({ id: workspace.id, text: 'x' }).catch((error: unknown) => error)).toMatchObject({ code: 'forbidden', message: 'access denied: you may not act in this workspace', hint: expect.stringContaining('berth people grant') })
  expect(await viewer.client.listAudit({}).catch((error: unknown) => error)).toMatchObject({ code: 'forbidden', message: 'access denied: this is for an owner of the organisation' })
})

it('a list holds what its reader may see, and a question of a workspace is not told to who may not', async () => {
  const [mine, theirs] = [await b.create({ source: { kind: 'git', url: 'https://example.org/a/one' } }), await b.create({ source: { kind: 'git', url: 'https://example.org/a/two' } })]
  const guest = await addPerson(b, { role: 'guest' })
  expect(await guest.client.listWorkspaces({})).toEqual([])
  await give(b, { to: guest.userId, level: 'look', workspaceId: mine.id })
  expect((await guest.client.listWorkspaces({})).map(({ id }) => id)).toEqual([mine.id])
  expect(await guest.client.getWorkspace({ id: theirs.id }).catch((error: unknown) => error)).toMatchObject({ code: 'not_found' })
  expect((await guest.client.getWorkspace({ id: mine.id })).id).toBe(mine.id)
})
