/** GitHub's own command line in a workspace that has no token, and what it is not let near. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { AuditRecord } from '@berth/wire/git-access'
import { startGitHubWorld, type GitHubWorld } from './github-world.ts'
import { secretsFound } from './secret-search.ts'

let at: GitHubWorld
const inside = (script: string, exit: number | null = 0) => at.inside('demo', script, exit)
/** As a hostile agent speaks to the socket. */
const raw = async (method: string, path: string, body?: unknown): Promise<string> => (await inside(`curl -s --path-as-is -X ${method} --unix-socket "$(dirname "$GH_CONFIG_DIR")/gh.sock" 'http://api.github.com${path}' ${body === undefined ? '' : `-H 'content-type: application/json' --data-binary '${JSON.stringify(body).replaceAll("'", "'\\''")}'`}`)).stdout
const query = (text: string, variables: Record<string, unknown> = {}) => raw('POST', '/graphql', { query: text, variables })

beforeAll(async () => {
  // Not the address that programs never use a proxy for.
  at = await startGitHubWorld({ hostname: '127.0.0.2' })
  await at.github.world.addRepository('northquay/contained', { files: { '.devcontainer/devcontainer.json': '{"image":"debian:12"}' } })
  await at.connect(['ledger', 'other', 'contained'])
  await at.up('ledger', 'demo')
}, 120_000)
afterAll(() => at?.close(), 60_000)

test.skipIf(Bun.which('gh') === null)('gh opens a pull request, lists it, shows it and its checks, without a token inside', async () => {
  expect((await inside('gh repo view $GH_REPO')).stdout).toContain('northquay/ledger')
  await inside('git config user.name Ada && git config user.email ada@example.org && echo more >> README.md && git commit -qam "Count in cents" && git push -q origin HEAD:refs/heads/berth/demo')
  await inside('git commit -q --allow-empty -m "Not pushed yet"')
  expect((await inside('gh pr create --title "Count in cents" --body "Why" --draft', null)).stderr).toContain('you must first push the current branch')
  await inside('git reset -q --hard HEAD~1')
  // As an agent calls it: in a shell that reads its profile, or not.
  expect((await inside(`bash -lc 'gh pr create --title "Count in cents" --body "Why" --draft'`)).stdout).toContain('/northquay/ledger/pull/1')
  expect((await inside('git remote -v')).stdout).toContain(`${at.github.url}/northquay/ledger.git (push)`)
  expect((await inside('gh pr list')).stdout).toContain('Count in cents')
  const sha = (await inside('git rev-parse HEAD')).stdout.trim()
  at.github.world.setCheck('northquay/ledger', sha, { name: 'unit', status: 'completed', conclusion: 'failure', summary: '2 of 40 failed' })
  expect(JSON.parse((await inside('gh pr view 1 --json title,isDraft,statusCheckRollup')).stdout)).toMatchObject({ title: 'Count in cents', isDraft: true, statusCheckRollup: [{ name: 'unit', conclusion: 'FAILURE' }] })
  expect((await inside('gh pr checks 1', null)).stdout).toContain('unit')
  expect((await inside('gh pr view')).stdout).toContain('Count in cents')
  expect((await inside('gh pr checks', null)).stdout).toContain('unit')
  // The branch of others is nobody's pull request here.
  await at.commitAt('northquay/ledger', 'main')
  const refused = await inside(`gh pr create --title Evil --body x --head main --base berth/demo`, null)
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr).toContain('only berth/demo and branches below that name')
  expect((await inside('gh pr merge 1 --merge', null)).stderr).toContain('berth:')
  expect(await secretsFound(inside, ...at.github.world.issued)).toEqual([])
}, 120_000)

test('what a private repository says about its machine is seen before there is one', async () => {
  await at.up('contained', 'contained')
  const events = (await at.product.cli(['events', 'contained', '--json', '--after', '0', '--no-follow'])).stdout
  expect(events).toContain('.devcontainer/devcontainer.json is not used: a local machine')
}, 120_000)

test('another repository, what administers, and tricks with paths, batches and ids are refused, each with a record', async () => {
  const { world } = at.github
  // The server asks by itself, now and then, whether an origin has moved: not in the next minutes, where it was just asked.
  for (const name of ['demo', 'contained']) await at.product.cli(['update', name, '--check'], { exit: null })
  const before = world.asked.length
  const { records: [last] } = await at.product.json<{ records: AuditRecord[] }>(['audit'])
  const attempts = [
    ...['/repos/northquay/other', '/repos/northquay/ledger/hooks', '/repos/northquay/ledger/../other', '/repos/northquay/ledger%2F..%2Fother', '/installation/repositories', '/api/v3/repos/northquay/other', '//repos/northquay/other'].map((path) => () => raw('GET', path)),
    ...['/repos/northquay/ledger/pulls', '/repos/northquay/ledger/git/refs'].map((path) => () => raw('POST', path, {})), () => raw('DELETE', '/installation/token'),
    () => query('{ repository(owner: "northquay", name: "other") { id } }'), () => query('mutation { mergePullRequest(input: {pullRequestId: "PR_1"}) { clientMutationId } }'), () => raw('POST', '/graphql', [{ query: '{ viewer { login } }' }]),
  ]
  for (const attempt of attempts) expect(await attempt()).toMatch(/berth: /)
  // Nothing of it came to GitHub.
  const ownLook = /^GET \/repos\/northquay\/\w+\/installation |\/northquay\/\w+\.git\//
  expect(world.asked.slice(before).filter((line) => /northquay|graphql/.test(line) && !ownLook.test(line))).toEqual([])
  // What only GitHub knows: an id of another repository.
  const input = { repositoryId: 'R_1', baseRefName: 'main', headRefName: 'berth/demo', title: 'Evil' }
  expect(await query('mutation($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { id } } }', { input })).toContain('is opened at northquay/ledger only')
  expect(await query('query($id: ID!) { node(id: $id) { ...on PullRequest { title } } }', { id: 'PR_999' })).toContain('no pull request of this workspace')
  const { records } = await at.product.json<{ records: AuditRecord[] }>(['audit'])
  const refused = records.filter(({ n, action, allowed }) => n > (last?.n ?? 0) && action === 'github.ask' && !allowed)
  expect(refused).toHaveLength(attempts.length + 2)
}, 120_000)

test('a redirect is not followed, and says nothing of where it led', async () => {
  at.github.world.faults.push({ method: 'GET', path: /\/repos\/northquay\/ledger\/readme$/, times: 1, answer: { status: 301, headers: { location: 'http://169.254.169.254/' } } })
  const said = await raw('GET', '/repos/northquay/ledger/readme')
  expect(said).toContain('has moved')
  expect(said).not.toContain('169.254')
  expect(at.github.refused).toEqual([])
}, 30_000)
