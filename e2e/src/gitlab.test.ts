/** Merge requests of a workspace whose code is at a GitLab: the server speaks to it with the kept token, the workspace never has it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startGitLab, type GitLabSim } from '@berth/sim-gitlab'
import type { AuditRecord } from '@berth/wire/git-access'
import type { PullRequest, PullStatus } from '@berth/wire/github'
import { expectAgentTold, openKeptTokenWorld, type KeptTokenWorld } from './kept-token-world.ts'
import { serverLog, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

const TOKEN = 'glpat-canary-7d1e90ac34'
const PATH = 'private-northquay/books/ledger'
let world: KeptTokenWorld<GitLabSim>
let product: Product
let gitlab: GitLabSim
const git = (...args: string[]) => world.git(...args)
const inside = (script: string, exit: number | null = 0) => world.inside(script, exit)

beforeAll(async () => {
  world = await openKeptTokenWorld({
    kind: 'gitlab', path: PATH, username: 'oauth2', token: TOKEN,
    start: (at) => startGitLab({ git: at, tokens: { [TOKEN]: ['api', 'write_repository'], 'glpat-git-only': ['write_repository'] } }),
  })
  ;({ product, host: gitlab } = world)
}, 120_000)
afterAll(() => world?.close(), 60_000)

test('berth pr pushes the branch, opens a merge request, and answers the one that is open', async () => {
  await inside('git config user.name Ada && git config user.email ada@example.org && echo 1 > a && git add a && git commit -qm "Count in cents"')
  const made = await product.json<PullRequest>(['pr', 'create', 'demo', '--draft'])
  expect(made).toMatchObject({ number: 1, title: 'Draft: Count in cents', head: 'berth/demo', base: 'main', state: 'open', draft: true, url: `${gitlab.url}/${PATH}/-/merge_requests/1` })
  expect(await product.json<PullRequest>(['pr', 'create', 'demo', '--title', 'Again'])).toEqual(made)
  expect(git('log', '-1', '--format=%s', 'berth/demo')).toBe('Count in cents')
  expect(await product.json<PullRequest[]>(['pr', 'list', 'demo'])).toEqual([made])
  expect(gitlab.refused).toEqual([])
}, 60_000)

test('what its pipeline says is told, job by job', async () => {
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ checks: 'none', commit: git('rev-parse', 'berth/demo'), pull: { number: 1 } })
  const at = { sha: git('rev-parse', 'berth/demo'), ref: 'berth/demo' }
  gitlab.setPipeline(PATH, { ...at, status: 'failed' })
  expect((await product.cli(['pr', 'status', 'demo'], { exit: 1 })).stdout).toContain('✗ pipeline')
  gitlab.setStatus(PATH, { ...at, name: 'unit', status: 'running' })
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ checks: 'running', results: [{ name: 'unit', conclusion: null }] })
  gitlab.setStatus(PATH, { ...at, name: 'unit', status: 'success' })
  gitlab.setStatus(PATH, { ...at, name: 'style', status: 'failed', allowFailure: true })
  expect(await product.json<PullStatus>(['pr', 'status', 'demo'])).toMatchObject({ checks: 'passed', results: [{ name: 'unit', conclusion: 'success' }, { name: 'style', conclusion: 'neutral' }] })
  gitlab.setStatus(PATH, { ...at, name: 'unit', status: 'failed', description: '2 of 40 failed' })
  const failed = await product.cli(['pr', 'status', 'demo'], { exit: 1 })
  expect(failed.stdout).toContain('✗ unit  2 of 40 failed')
  const [merge] = gitlab.merges
  if (merge !== undefined) merge.state = 'merged'
  expect(await product.cli(['pr', 'status', 'demo', '--json'], { exit: 1 }).then(({ stdout }) => JSON.parse(stdout) as PullStatus)).toMatchObject({ pull: { state: 'merged' }, checks: 'failed' })
  expect(gitlab.refused).toEqual([])
}, 60_000)

test('its agent is told by itself of a check that failed, once, where that is wanted', async () => {
  await expectAgentTold(world, { reporter: 'GitLab', failLint: () => gitlab.setStatus(PATH, { sha: git('rev-parse', 'berth/demo'), ref: 'berth/demo', name: 'lint', status: 'failed' }) })
  expect(gitlab.refused).toEqual([])
}, 240_000)

test('a token that may not, or may no more, says so with what to do', async () => {
  await world.keep('glpat-git-only')
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('the scope api')
  gitlab.revoke('glpat-git-only')
  expect((await product.cli(['pr', 'list', 'demo'], { exit: null })).stderr).toContain('does not take the kept token any more')
}, 60_000)

test('the token is nowhere inside, in no record and no log', async () => {
  expect(await secretsFound(inside, TOKEN)).toEqual([])
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit'])
  expect(records.filter(({ action }) => action === 'pull.create')).toMatchObject([{ allowed: true, subject: `${gitlab.url}/${PATH}` }])
  expect(JSON.stringify(records) + serverLog(product.home)).not.toContain(TOKEN)
}, 60_000)
