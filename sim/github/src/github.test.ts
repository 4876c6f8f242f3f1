/** The simulator, driven by GitHub's own client and by git itself. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Octokit } from '@octokit/core'
import { startGitHub } from './index.ts'
import type { GitHubSim } from './index.ts'
import { appMaker, asApp, PERMISSIONS, runGit, statusOf } from './testing.ts'

let root: string
let github: GitHubSim
const convert = (extra?: Record<string, unknown>) => appMaker(github)(extra)
const git = (cwd: string, ...args: string[]) => runGit({ cwd, home: root }, args)
async function commitAll(cwd: string): Promise<void> {
  await git(cwd, 'add', '.')
  await git(cwd, 'commit', '-qm', 'more')
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sim-github-test-'))
  github = startGitHub({ root: join(root, 'repositories'), deviceIntervalS: 1 })
  github.world.addUser('ada')
  github.world.addOrganization('northquay')
})
afterEach(async () => {
  // Whatever a test asked: all answers were as GitHub describes them.
  const { faulty } = github
  await github.close()
  rmSync(root, { recursive: true, force: true })
  expect(faulty).toEqual([])
})

test('an app is made by its manifest, once, and is known by its own key only', async () => {
  const made = await convert()
  const app = asApp(github, made)
  expect((await app.request('GET /app')).data).toMatchObject({ id: made.id, slug: 'berth-of-ada', permissions: PERMISSIONS })
  const other = await convert({ name: 'another' })
  expect(await statusOf(asApp(github, { ...made, pem: other.pem }).request('GET /app'))).toBe(401)
  github.world.advance(3600_000)
  expect(await statusOf(fetch(`${github.apiUrl}/app`).then(({ status }) => { if (status !== 200) throw Object.assign(new Error(), { status }) }))).toBe(401)
})

test('a token is for the repositories and rights it was asked for, for an hour, until it is given back', async () => {
  for (const name of ['ledger', 'other']) await github.world.addRepository(`northquay/${name}`)
  const made = await convert()
  const { world } = github
  const installation = world.install(world.apps[0]!, 'northquay', ['ledger'])
  const app = asApp(github, made)
  expect((await app.request('GET /repos/{owner}/{repo}/installation', { owner: 'northquay', repo: 'ledger' })).data.id).toBe(installation.id)
  expect((await app.request('GET /app/installations')).data.map(({ id }) => id)).toEqual([installation.id])
  expect(await statusOf(app.request('GET /repos/{owner}/{repo}/installation', { owner: 'northquay', repo: 'other' }))).toBe(404)
  const mint = async (body: Record<string, unknown>) => app.request('POST /app/installations/{installation_id}/access_tokens', { installation_id: installation.id, ...body })
  expect(await statusOf(mint({ repositories: ['other'] }))).toBe(422)
  expect(await statusOf(mint({ permissions: { administration: 'write' } }))).toBe(422)
  expect(await statusOf(mint({ permissions: { contents: 'all' } }))).toBe(422)
  expect(await statusOf(mint({ repository: 'ledger' }))).toBe(422)
  const { data } = await mint({ repositories: ['ledger'], permissions: { contents: 'read' } })
  expect(data.permissions).toEqual({ contents: 'read', metadata: 'read' })
  const holder = new Octokit({ baseUrl: github.apiUrl, auth: data.token })
  expect((await holder.request('GET /repos/{owner}/{repo}', { owner: 'northquay', repo: 'ledger' })).data.private).toBe(true)
  expect(await statusOf(holder.request('GET /repos/{owner}/{repo}', { owner: 'northquay', repo: 'other' }))).toBe(404)
  expect(await statusOf(holder.request('GET /repos/{owner}/{repo}/pulls', { owner: 'northquay', repo: 'ledger' }))).toBe(403)
  expect((await holder.request('GET /installation/repositories')).data.total_count).toBe(1)
  await holder.request('DELETE /installation/token')
  expect(await statusOf(holder.request('GET /installation/repositories'))).toBe(401)
  const late = new Octokit({ baseUrl: github.apiUrl, auth: (await mint({})).data.token })
  world.advance(3600_000)
  expect(await statusOf(late.request('GET /installation/repositories'))).toBe(401)
})

test('git clones and pushes with a token, as far as it goes, and workflows only where they are allowed', async () => {
  await github.world.addRepository('northquay/ledger')
  const made = await convert({ default_permissions: { ...PERMISSIONS, workflows: 'write' } })
  const { world } = github
  const installation = world.install(world.apps[0]!, 'northquay', ['ledger'])
  const app = asApp(github, made)
  const address = async (permissions: Record<string, string>) => {
    const { data } = await app.request('POST /app/installations/{installation_id}/access_tokens', { installation_id: installation.id, repositories: ['ledger'], permissions })
    return `${github.url.replace('//', `//x-access-token:${data.token}@`)}/northquay/ledger.git`
  }
  const work = join(root, 'work')
  expect((await git(root, 'clone', '-q', `${github.url}/northquay/ledger.git`, 'nobody')).code).not.toBe(0)
  expect(await git(root, 'clone', '-q', await address({ contents: 'read' }), 'work')).toMatchObject({ code: 0 })
  writeFileSync(join(work, 'more.txt'), 'more\n')
  await commitAll(work)
  expect((await git(work, 'push', '-q', 'origin', 'HEAD:refs/heads/berth/demo')).stderr).toContain('denied')
  expect(await git(work, 'push', '-q', await address({ contents: 'write' }), 'HEAD:refs/heads/berth/demo')).toMatchObject({ code: 0 })
  await mkdir(join(work, '.github/workflows'), { recursive: true })
  writeFileSync(join(work, '.github/workflows/ci.yml'), 'on: push\n')
  await commitAll(work)
  expect((await git(work, 'push', '-q', await address({ contents: 'write' }), 'HEAD:refs/heads/berth/demo')).stderr).toContain('without `workflows` permission')
  expect(await git(work, 'push', '-q', await address({ contents: 'write', workflows: 'write' }), 'HEAD:refs/heads/berth/demo')).toMatchObject({ code: 0 })
  world.uninstall(installation)
  expect((await git(work, 'fetch', '-q', 'origin')).code).not.toBe(0)
}, 30_000)

test('a pull request, what was found out about its commit, and who may what', async () => {
  const { world } = github
  const repository = await world.addRepository('northquay/ledger')
  world.setCollaborator('northquay/ledger', 'ada', 'maintain')
  const made = await convert()
  const installation = world.install(world.apps[0]!, 'northquay', 'all')
  const at = { owner: 'northquay', repo: 'ledger' }
  const octokit = asApp(github, made, installation.id)
  const pull = { ...at, title: 'More', head: 'berth/demo', base: 'main' }
  expect(await statusOf(octokit.request('POST /repos/{owner}/{repo}/pulls', pull))).toBe(422)
  const bare = ['--git-dir', repository.dir]
  const tree = (await git(root, ...bare, 'rev-parse', 'main^{tree}')).stdout.trim()
  const sha = (await git(root, ...bare, 'commit-tree', '-m', 'more', '-p', 'main', tree)).stdout.trim()
  await git(root, ...bare, 'update-ref', 'refs/heads/berth/demo', sha)
  const { data } = await octokit.request('POST /repos/{owner}/{repo}/pulls', pull)
  expect(data).toMatchObject({ number: 1, head: { ref: 'berth/demo', sha }, user: { login: 'berth-of-ada[bot]' }, merged: false })
  expect(await statusOf(octokit.request('POST /repos/{owner}/{repo}/pulls', pull))).toBe(422)
  expect((await octokit.request('GET /repos/{owner}/{repo}/pulls', { ...at, head: 'northquay:berth/demo' })).data).toHaveLength(1)
  expect((await octokit.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', { ...at, pull_number: 1 })).data.html_url).toBe(`${github.url}/northquay/ledger/pull/1`)
  world.setCheck('northquay/ledger', sha, { name: 'unit', status: 'completed', conclusion: 'failure', summary: '2 failed' })
  world.setStatus('northquay/ledger', sha, { context: 'lint', state: 'success', description: 'clean' })
  expect((await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...at, ref: sha })).data.check_runs[0]).toMatchObject({ name: 'unit', conclusion: 'failure' })
  expect((await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/status', { ...at, ref: sha })).data).toMatchObject({ state: 'success', total_count: 1 })
  expect((await octokit.request('GET /repos/{owner}/{repo}/collaborators/{username}/permission', { ...at, username: 'ada' })).data).toMatchObject({ permission: 'write', role_name: 'maintain' })
  expect((await octokit.request('GET /search/repositories', { q: 'led org:northquay' })).data.total_count).toBe(1)
}, 30_000)

test('a hook is told with a signature, a missed one is sent again, and faults come as scripted', async () => {
  const heard: { guid: string; valid: boolean }[] = []
  let down = true
  let secret = ''
  const hook = Bun.serve({ port: 0, hostname: '127.0.0.1', async fetch(request) {
    if (down) return new Response(null, { status: 503 })
    const bytes = await request.text()
    heard.push({ guid: request.headers.get('x-github-delivery') ?? '', valid: request.headers.get('x-hub-signature-256') === `sha256=${createHmac('sha256', secret).update(bytes).digest('hex')}` })
    return new Response('ok')
  } })
  try {
    const made = await convert({ hook_attributes: { url: `http://127.0.0.1:${hook.port}/` }, default_events: ['pull_request'] })
    secret = made.webhook_secret
    const app = asApp(github, made)
    const { guid } = await github.webhooks.tell(github.world.apps[0]!, { event: 'ping', action: null, payload: { zen: 'quiet' }, installation: null, repository: null })
    const { data: [missed] } = await app.request('GET /app/hook/deliveries')
    expect(missed).toMatchObject({ guid, status_code: 503 })
    down = false
    await app.request('POST /app/hook/deliveries/{delivery_id}/attempts', { delivery_id: Number(missed?.id) })
    expect(heard).toEqual([{ guid, valid: true }])
    github.world.faults.push({ method: 'GET', path: /\/app$/, times: 1, answer: { status: 429, headers: { 'retry-after': '1' } } })
    expect(await statusOf(app.request('GET /app'))).toBe(429)
    expect(await statusOf(app.request('GET /app'))).toBe(200)
  } finally {
    await hook.stop(true)
  }
})
