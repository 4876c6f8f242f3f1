/** The simulator, driven by the vendor's own client and by git. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Freestyle } from 'freestyle-sandboxes'
import { startFreestyleGit, type FreestyleGitSim } from './index.ts'

const KEY = 'fs_git_example'
let sim: FreestyleGitSim
let client: Freestyle
let dir: string

beforeEach(() => {
  sim = startFreestyleGit()
  sim.world.keys.add(KEY)
  client = new Freestyle({ apiKey: KEY, baseUrl: sim.url })
  dir = mkdtempSync(join(tmpdir(), 'sim-freestyle-git-test-'))
})
afterEach(async () => {
  const { faulty } = sim
  await sim.close()
  rmSync(dir, { recursive: true, force: true })
  expect(faulty).toEqual([])
})
const refusal = (work: Promise<unknown>): Promise<string> => work.then(() => 'done', (error: Error) => error.name)
/** Never waited for in place: what it speaks to runs here too. */
async function git(...args: string[]): Promise<{ code: number; text: string }> {
  const child = Bun.spawn(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: dir, env: { PATH: process.env['PATH'] ?? '', HOME: dir, GIT_TERMINAL_PROMPT: '0' }, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}
const at = (repoId: string, token: string): string => `${sim.url.replace('://', `://x-access-token:${token}@`)}/${repoId}`
const ledger = () => client.git.repos.create({ name: 'ledger', import: { type: 'files', files: { 'ledger.txt': 'one\n', 'books/a': 'a' }, commitMessage: 'first' } })

test('repositories are made, listed page by page, and deleted with their grants', async () => {
  const { repoId } = await ledger()
  for (let n = 0; n < 3; n += 1) await client.git.repos.create({ defaultBranch: 'trunk' })
  const [first, second] = [await client.git.repos.list({ limit: 3 }), await client.git.repos.list({ limit: 3, cursor: '3' })]
  expect([first.repositories.length, second.repositories.length, first.total]).toEqual([3, 1, 4])
  expect(first.repositories[0]).toMatchObject({ defaultBranch: 'main', branches: { main: { default: true } } })
  expect(await (await client.fetch(`${sim.url}/git/v1/repo/${repoId}`)).json()).toMatchObject({ id: repoId, name: 'ledger', visibility: 'private' })
  const { identity } = await client.identities.create()
  await identity.permissions.git.grant({ repoId, permission: 'read' })
  await client.git.repos.delete({ repoId })
  expect(await identity.permissions.git.list({})).toEqual({ repositories: [] })
  expect(await refusal(client.git.repos.delete({ repoId }))).toBe('GitRepositoryNotFoundError')
})

test('git lets in who was granted, for what was granted, as long as the token is one', async () => {
  const { repoId } = await ledger()
  const { repoId: other } = await client.git.repos.create({})
  const { identity, identityId } = await client.identities.create()
  const { token, tokenId } = await identity.tokens.create()
  expect((await git('clone', '-q', at(repoId, token), 'early')).text).toContain('403')
  await identity.permissions.git.grant({ repoId, permission: 'read' })
  expect(await git('clone', '-q', at(repoId, token), 'work')).toEqual({ code: 0, text: '' })
  expect(await Bun.file(join(dir, 'work/ledger.txt')).text()).toBe('one\n')
  await git('-C', 'work', 'commit', '-q', '--allow-empty', '-m', 'second')
  const push = () => git('-C', 'work', 'push', '-q', 'origin', 'HEAD:refs/heads/work')
  expect((await push()).text).toContain('403')
  expect(await refusal(identity.permissions.git.grant({ repoId, permission: 'write' }))).toBe('PermissionAlreadyExistsError')
  await identity.permissions.git.update({ repoId, permission: 'write' })
  expect((await push()).code).toBe(0)
  expect(Object.keys(sim.world.refsOf(sim.world.repository(repoId)))).toEqual(['refs/heads/main', 'refs/heads/work'])
  expect((await git('ls-remote', at(other, token))).text).toContain('403')
  expect((await git('ls-remote', at(crypto.randomUUID(), token))).text).toContain('not found')
  expect((await git('ls-remote', at(repoId, KEY))).text).toContain('Authentication failed')
  expect((await git('-c', `http.extraHeader=Authorization: Bearer ${KEY}`, 'ls-remote', `${sim.url}/${other}`)).code).toBe(0)
  expect(await identity.tokens.list()).toEqual({ tokens: [{ id: tokenId }] })
  await identity.tokens.revoke({ tokenId })
  expect((await git('ls-remote', at(repoId, token))).text).toContain('Authentication failed')
  await client.identities.delete({ identityId })
  expect(await client.identities.list()).toMatchObject({ identities: [], total: 0 })
  expect(await refusal(identity.tokens.create())).toBe('IdentityNotFoundError')
})

test('a public one is read by anybody and written by who was granted', async () => {
  const { repoId } = await client.git.repos.create({ public: true, import: { type: 'files', files: { a: 'a' }, commitMessage: 'first' } })
  expect((await git('clone', '-q', `${sim.url}/${repoId}`, 'work')).code).toBe(0)
  expect((await git('-C', 'work', 'push', '-q', 'origin', 'HEAD:refs/heads/work')).code).not.toBe(0)
})

test('what is not described is refused, and who may not', async () => {
  const ask = (path: string, body: unknown, key = KEY) => fetch(`${sim.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) })
  const { identityId } = await client.identities.create()
  const { repoId } = await client.git.repos.create({})
  const grant = `/identity/v1/identities/${identityId}/permissions/git/${repoId}`
  for (const [path, body] of [['/git/v1/repo', { visibility: 'public' }], [grant, { permission: 'admin' }], [grant, { permission: 'read', until: 1 }], ['/identity/v1/identities', { name: 'x' }]] as const) expect((await ask(path, body)).status).toBe(400)
  expect((await ask('/git/v1/repos', {})).status).toBe(404)
  expect(sim.refused).toHaveLength(5)
  expect((await ask('/git/v1/repo', {}, 'another')).status).toBe(401)
})
