/** Hosts that each want a token in a form of their own, with real git on both sides; and what they list. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { BerthError } from '@berth/wire'
import type { GitHostKind } from '@berth/wire/git-access'
import { startGitServer } from '@berth/testkit/git-server'
import type { GitServer } from '@berth/testkit/git-server'
import { kindOf } from '../git-hosting/host-kinds.ts'
import { addGitHost } from '../services/git-access.ts'
import { createRepositorySearch } from '../services/repository-search.ts'
import { repositoryReach } from '../services/repository-reach.ts'
import { openGitWorld } from './testing.ts'
import type { GitWorld } from './testing.ts'

const TOKEN = 'glpat-canary-77aa'
const clock = { now: () => Date.now() }
const github = { credentialFor: async () => null, api: { ask: () => Promise.reject(new Error('no GitHub here')) }, hooks: { onHint: () => () => {} } } as never
let world: GitWorld
const hosts: GitServer[] = []
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  world = await openGitWorld()
  world.repository('private-ledger', { 'ledger.txt': 'of a host\n' })
}, 60_000)
afterAll(async () => {
  for (const close of closing) await close()
  for (const host of hosts) await host.close()
  await world?.close()
}, 30_000)

/** A host that lets in this user with the token, and nobody else. */
function hostFor(username: string): string {
  const host = startGitServer(join(world.root, 'host'), { username, token: TOKEN })
  hosts.push(host)
  return `http://127.0.0.1:${host.port}`
}
const by = async () => ({ ...(await world.database.store.access.bootstrap(clock.now())), userName: 'ada' }) as never
const keep = async (origin: string, more: { kind?: GitHostKind; username?: string; token?: string }) =>
  addGitHost({ store: world.database.store, clock, daemons: { reassign: async () => {} }, log: () => {} }, await by(), { origin, token: TOKEN, check: 'private-ledger', ...more })

test.each([['gitlab', 'oauth2'], ['bitbucket', 'x-token-auth'], ['github', 'x-access-token']] as const)('%s is given its token with the user %s, and a workspace clones and pushes', async (kind, username) => {
  const origin = hostFor(username)
  expect(await keep(origin, { kind })).toMatchObject({ kind, username })
  const workspace = await world.workspace(`on-${kind}`, { source: { kind: 'git', url: `${origin}/private-ledger.git` } })
  const remote = workspace.remote('private-ledger').replace(/127\.0\.0\.1:\d+\/private/, `${new URL(origin).host}/private`)
  const work = mkdtempSync(join(world.root, 'clone-'))
  expect(await workspace.git(work, 'clone', '-q', remote, '.')).toEqual({ code: 0, text: '' })
  expect(await Bun.file(join(work, 'ledger.txt')).text()).toBe('of a host\n')
  await workspace.git(work, 'commit', '-q', '--allow-empty', '-m', kind)
  expect((await workspace.git(work, 'push', '-q', 'origin', `HEAD:refs/heads/berth/on-${kind}`)).code).toBe(0)
  expect(world.refs('private-ledger')[`refs/heads/berth/on-${kind}`]).toBeDefined()
}, 30_000)

test('with another user nothing is kept, and one that a person names goes before the usual one', async () => {
  const origin = hostFor('deploy-user')
  expect(await keep(origin, { kind: 'gitlab' }).catch((error: BerthError) => error.code)).toBe('unauthorized')
  expect(await keep(origin, { kind: 'gitlab', username: 'deploy-user' })).toMatchObject({ kind: 'gitlab', username: 'deploy-user' })
})

test('a host is known by its name', () => {
  expect(['https://gitlab.com', 'https://gitlab.northquay.example', 'https://bitbucket.org', 'https://github.com', 'https://git.example.org', 'https://notgitlab.example'].map(kindOf)).toEqual(['gitlab', 'gitlab', 'bitbucket', 'github', 'generic', 'generic'])
})

test('projects of a GitLab are found by words, page by page; a token that may not list says so and keeps nothing from being found', async () => {
  const asked: string[] = []
  let status = 200
  const projects = Array.from({ length: 120 }, (_, at) => ({ path_with_namespace: `northquay/service-${String(at).padStart(3, '0')}`, visibility: at === 0 ? 'public' : 'private', default_branch: 'main' }))
  const gitlab = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    fetch(request) {
      const { pathname, searchParams, origin } = new URL(request.url)
      asked.push(`${pathname} ${request.headers.get('private-token')}`)
      if (status !== 200) return new Response('{}', { status })
      const page = Number(searchParams.get('page'))
      return Response.json(projects.slice((page - 1) * 100, page * 100).map((each) => ({ ...each, http_url_to_repo: `${origin}/${each.path_with_namespace}.git` })))
    },
  })
  closing.push(() => gitlab.stop(true))
  const origin = `http://127.0.0.1:${gitlab.port}`
  const { orgId } = await world.database.store.access.bootstrap(clock.now())
  await world.database.store.gitHosts.put({ orgId, origin, username: 'oauth2', token: TOKEN, kind: 'gitlab' }, clock.now())
  let now = 0
  const { search } = createRepositorySearch({ store: world.database.store, github, clock: { now: () => now } })
  const first = await search(orgId, { query: 'service northquay', limit: 50 })
  expect(first.repositories).toHaveLength(50)
  expect(first.repositories[0]).toMatchObject({ label: 'northquay/service-000', private: false, defaultBranch: 'main', host: new URL(origin).host })
  const second = await search(orgId, { query: 'service northquay', limit: 100, cursor: first.next ?? '' })
  expect(second.repositories).toHaveLength(70)
  expect(second.next).toBeNull()
  expect((await search(orgId, { query: 'SERVICE-117', limit: 10 })).repositories.map(({ label }) => label)).toEqual(['northquay/service-117'])
  // Asked once for all of that: two pages.
  expect(asked).toEqual([`/api/v4/projects ${TOKEN}`, `/api/v4/projects ${TOKEN}`])
  status = 401
  now += 61_000
  const refused = await search(orgId, { query: '', limit: 10 })
  expect(refused.trouble).toContainEqual(expect.objectContaining({ origin, message: expect.stringContaining('answered 401'), hint: expect.stringContaining('read_api') }))
  expect(refused.repositories).toEqual([])
}, 30_000)

test('whether a repository can be read is known before a machine is made for it', async () => {
  const { orgId } = await world.database.store.access.bootstrap(clock.now())
  const reach = (url: string) => repositoryReach({ store: world.database.store, github }, { orgId }, url)
  const stranger = hostFor('nobody')
  expect(await reach(`${stranger}/private-ledger.git`)).toMatchObject({ state: 'not-connected', message: expect.stringContaining('is private, or is not there'), hint: expect.stringContaining('berth git-host add') })
  world.repository('open')
  expect((await reach(`${stranger}/open.git`)).state).toBe('open')
  expect((await reach(`${world.origin}/private-ledger.git`)).state).toBe('connected')
  expect(await reach('http://127.0.0.1:1/o/r.git')).toMatchObject({ state: 'unknown' })
  for (const other of ['/srv/code', 'file:///srv/code', `${stranger.replace('//', '//me:secret@')}/private-ledger.git`]) expect((await reach(other)).state).toBe('unknown')
})
