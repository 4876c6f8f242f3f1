/** What apps are told: as published, signed, and only to those that may hear of it. */
import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGitHub } from './index.ts'
import type { App, GitHubSim } from './index.ts'
import { appMaker, asApp, PERMISSIONS, runGit, statusOf } from './testing.ts'
import type { Conversion } from './testing.ts'

let root: string
let github: GitHubSim
let made: Conversion
let app: App
const heard: { event: string; payload: { action?: string; ref?: string } }[] = []
const hook = Bun.serve({ port: 0, hostname: '127.0.0.1', async fetch(request) {
  heard.push({ event: request.headers.get('x-github-event') ?? '', payload: (await request.json()) as { action?: string; ref?: string } })
  return new Response(null, { status: 202 })
} })
afterAll(() => hook.stop(true))
const told = (): string[] => heard.splice(0).map(({ event, payload }) => `${event} ${payload.action ?? payload.ref ?? ''}`.trim())

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'sim-github-happen-'))
  github = startGitHub({ root: join(root, 'repositories') })
  github.world.addUser('ada')
  github.world.addOrganization('northquay')
  for (const name of ['ledger', 'other']) await github.world.addRepository(`northquay/${name}`)
  made = await appMaker(github)({ hook_attributes: { url: `http://127.0.0.1:${hook.port}/` }, default_events: ['push', 'check_run', 'status', 'member'], default_permissions: { ...PERMISSIONS, members: 'read' } })
  app = github.world.apps[0]!
})
afterEach(async () => {
  const { faulty } = github
  await github.close()
  rmSync(root, { recursive: true, force: true })
  heard.splice(0)
  expect(faulty).toEqual([])
})

test('of its installations an app hears always, and what it is told is as published', async () => {
  const { happen } = github
  const installation = await happen.install(app, 'northquay', ['ledger'])
  await happen.choose(installation, ['ledger', 'other'])
  await happen.choose(installation, ['other'])
  await happen.suspend(installation, true)
  await happen.suspend(installation, false)
  await happen.uninstall(installation)
  await happen.revokeAuthorization(app, 'ada')
  expect(told()).toEqual(['installation created', 'installation_repositories added', 'installation_repositories removed', 'installation suspend', 'installation unsuspend', 'installation deleted', 'github_app_authorization revoked'])
})

test('of a repository it hears where it is installed: a push, checks, members', async () => {
  const { happen, world } = github
  await happen.install(app, 'northquay', ['ledger'])
  told()
  const sha = (await runGit({ cwd: root, home: root }, ['--git-dir', world.known('northquay/ledger').dir, 'rev-parse', 'main'])).stdout.trim()
  await happen.check('northquay/ledger', sha, { name: 'unit', status: 'in_progress', conclusion: null, summary: '' })
  await happen.check('northquay/ledger', sha, { name: 'unit', status: 'completed', conclusion: 'failure', summary: '2 failed' })
  await happen.status('northquay/ledger', sha, { context: 'lint', state: 'success', description: 'clean' })
  await happen.collaborator('northquay/ledger', 'ada', 'write')
  await happen.collaborator('northquay/ledger', 'ada', null)
  await happen.pushed('northquay/ledger', 'main', sha)
  await happen.pushed('northquay/other', 'main', sha)
  expect(told()).toEqual(['check_run created', 'check_run completed', 'status', 'member added', 'member removed', 'push refs/heads/main'])
})

test('deliveries are listed page by page, and only the app sees them', async () => {
  const { happen } = github
  const installation = await happen.install(app, 'northquay', ['ledger'])
  for (let n = 0; n < 4; n++) await happen.suspend(installation, n % 2 === 0)
  const octokit = asApp(github, made)
  const first = await octokit.request('GET /app/hook/deliveries', { per_page: 3 })
  const cursor = /cursor=([^&>]+)/.exec(first.headers.link ?? '')?.[1] ?? ''
  const second = await octokit.request('GET /app/hook/deliveries', { per_page: 3, cursor })
  expect([...first.data, ...second.data].map(({ action }) => action)).toEqual(['unsuspend', 'suspend', 'unsuspend', 'suspend', 'created'])
  expect(second.headers.link).toBeUndefined()
  expect(await statusOf(octokit.request('GET /app/hook/deliveries', { cursor: '5' }))).toBe(422)
  expect((await octokit.request('GET /app/hook/config')).data.url).toBe(`http://127.0.0.1:${hook.port}/`)
})
