/** The simulator, asked as its description has it and as it does not. The vendor has no client of its own that runs here. */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBitbucket } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'sim-bitbucket-'))
const PATH = 'northquay/ledger'
const bare = join(dir, `${PATH}.git`)
mkdirSync(bare, { recursive: true })
const git = (...args: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-c', 'user.name=A', '-c', 'user.email=a@example.org', '--git-dir', bare, ...args])
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}
git('init', '-q', '--bare', '--initial-branch=main')
const first = git('commit-tree', '-m', 'first', git('mktree'))
git('update-ref', 'refs/heads/main', first)
git('update-ref', 'refs/heads/team/work', git('commit-tree', '-m', 'second', '-p', first, git('mktree')))
const sim = startBitbucket({ git: { url: 'http://127.0.0.1:1', dir }, tokens: { whole: ['pullrequest:write'], reading: ['pullrequest'], code: ['repository:write'] } })
afterAll(async () => {
  await sim.close()
  rmSync(dir, { recursive: true, force: true })
})
async function ask(token: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${sim.url}/2.0/repositories/${PATH}${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
const branch = (name: string) => ({ branch: { name } })

test('a pull request is opened, found by its branch and its state, and its commit has statuses', async () => {
  expect(await ask('whole', 'GET', '')).toMatchObject({ status: 200, body: { full_name: PATH, mainbranch: { name: 'main' } } })
  expect(await ask('whole', 'POST', '/pullrequests', { title: 'Count', description: 'why', source: branch('team/work'), destination: branch('main'), draft: true })).toMatchObject({ status: 201, body: { id: 1, state: 'OPEN', draft: true, source: branch('team/work') } })
  const found = (query: string) => ask('whole', 'GET', `/pullrequests?${query}`).then(({ body }) => (body['values'] as unknown[]).length)
  expect([await found(`q=${encodeURIComponent('source.branch.name = "team/work"')}`), await found(`q=${encodeURIComponent('source.branch.name = "main"')}`), await found('state=MERGED&state=DECLINED')]).toEqual([1, 0, 0])
  const { body } = await ask('whole', 'GET', `/refs/branches?q=${encodeURIComponent('name = "team/work"')}`)
  const [{ target: { hash } }] = body['values'] as [{ target: { hash: string } }]
  expect(hash).toBe(git('rev-parse', 'team/work'))
  sim.world.setStatus({ repository: PATH, commit: hash, key: 'unit', name: 'unit', state: 'FAILED', description: '2 of 40' })
  expect((await ask('whole', 'GET', `/commit/${hash}/statuses`)).body['values']).toMatchObject([{ key: 'unit', state: 'FAILED', description: '2 of 40' }])
  expect([sim.refused, sim.faulty]).toEqual([[], []])
})

test('what is not described, or the token may not, is refused', async () => {
  const made = { title: 'x', source: branch('team/work') }
  expect((await ask('whole', 'GET', '/pullrequests?branch=work')).status).toBe(400)
  expect((await ask('whole', 'GET', '/pullrequests?pagelen=51')).status).toBe(400)
  expect((await ask('whole', 'POST', '/pullrequests', { ...made, body: 'why' })).status).toBe(400)
  expect((await ask('whole', 'GET', '/pull-requests')).status).toBe(404)
  expect((await fetch(`${sim.url}/2.0/repositories/${PATH}/pullrequests`, { method: 'POST', headers: { authorization: 'Bearer whole' }, body: '{' })).status).toBe(400)
  expect(sim.refused).toHaveLength(5)
  expect((await ask('whole', 'POST', '/pullrequests', { ...made, source: branch('gone') })).body).toMatchObject({ error: { message: 'source: branch not found: gone' } })
  expect((await ask('whole', 'POST', '/pullrequests', { ...made, source: branch('main') })).status).toBe(400)
  expect([(await ask('reading', 'GET', '/pullrequests')).status, (await ask('reading', 'POST', '/pullrequests', made)).status, (await ask('code', 'GET', '/pullrequests')).status, (await ask('none', 'GET', '')).status]).toEqual([200, 403, 403, 401])
  expect([sim.refused.length, sim.faulty]).toEqual([5, []])
})
