/** The simulator, driven by the client that most programs speak to a GitLab with. */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Gitlab } from '@gitbeaker/rest'
import { startGitLab } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'sim-gitlab-'))
const PATH = 'northquay/books/ledger'
const bare = join(dir, `${PATH}.git`)
mkdirSync(bare, { recursive: true })
const git = (...args: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', '-c', 'user.name=A', '-c', 'user.email=a@example.org', '--git-dir', bare, ...args])
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}
git('init', '-q', '--bare', '--initial-branch=main')
const first = git('commit-tree', '-m', 'first', '4b825dc642cb6eb9a060e54bf8d69288fbee4904')
git('update-ref', 'refs/heads/main', first)
git('update-ref', 'refs/heads/work', git('commit-tree', '-m', 'second', '-p', first, '4b825dc642cb6eb9a060e54bf8d69288fbee4904'))
const sim = startGitLab({ git: { url: 'http://127.0.0.1:1', dir }, tokens: { whole: ['api'], reading: ['read_api'] } })
const by = (token: string) => new Gitlab({ host: sim.url, token })
afterAll(async () => {
  await sim.close()
  rmSync(dir, { recursive: true, force: true })
})

test('a client of GitLab opens a merge request, finds it, and reads its statuses', async () => {
  const api = by('whole')
  expect(await api.Projects.show(PATH)).toMatchObject({ path_with_namespace: PATH, default_branch: 'main' })
  const made = await api.MergeRequests.create(PATH, 'work', 'main', 'Draft: count', { description: 'why' })
  expect(made).toMatchObject({ iid: 1, draft: true, state: 'opened' })
  expect(await api.MergeRequests.create(PATH, 'work', 'main', 'again').then(() => 'made', (error: { cause?: { description?: unknown } }) => JSON.stringify(error.cause?.description ?? String(error)))).toContain('already exists')
  expect(await api.MergeRequests.all({ projectId: PATH, state: 'opened', sourceBranch: 'work' })).toHaveLength(1)
  const { commit } = await api.Branches.show(PATH, 'work')
  sim.setStatus(PATH, { sha: commit.id, ref: 'work', name: 'unit', status: 'failed', description: '2 of 40' })
  expect(await api.Commits.allStatuses(PATH, commit.id)).toMatchObject([{ name: 'unit', status: 'failed', description: '2 of 40' }])
  sim.setPipeline(PATH, { sha: commit.id, ref: 'work', status: 'failed' })
  expect(await api.Pipelines.all(PATH, { sha: commit.id })).toMatchObject([{ status: 'failed', ref: 'work' }])
  expect(sim.refused).toEqual([])
})

test('what the documentation does not name, or the token may not, is refused', async () => {
  const ask = (token: string, method: string, path: string, body?: unknown) => fetch(`${sim.url}/api/v4/projects/${encodeURIComponent(PATH)}${path}`, { method, headers: { 'private-token': token, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  expect((await ask('whole', 'GET', '/merge_requests?branch=work')).status).toBe(400)
  expect((await ask('whole', 'POST', '/merge_requests', { source_branch: 'work', target_branch: 'main', title: 'x', draft: true })).status).toBe(400)
  expect((await ask('whole', 'GET', '/merge_request')).status).toBe(404)
  expect((await ask('reading', 'POST', '/merge_requests', { source_branch: 'work', target_branch: 'main', title: 'x' })).status).toBe(403)
  expect((await ask('none', 'GET', '')).status).toBe(401)
  expect(sim.refused).toHaveLength(3)
})
