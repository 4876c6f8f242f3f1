/** GitHub by an app of one's own, from the first press to a pull request, with real git against the simulator. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGitHub, type GitHubSim, type Installation } from '@berth/sim-github'
import type { Workspace } from '@berth/wire'
import type { AuditRecord } from '@berth/wire/git-access'
import type { GitHubConnection, PullRequest, PullStatus } from '@berth/wire/github'
import { SERVER_FILE } from '@berth/wire/server-file'
import { eventually, startProduct, type Product } from './product.ts'
import { secretsFound } from './secret-search.ts'

let root: string
let github: GitHubSim
let product: Product
let installation: Installation

/** As a browser goes there that is signed in nowhere. */
const browser = (address: string, init?: RequestInit): Promise<Response> => {
  const { url } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { url: string }
  const { hostname, pathname, search } = new URL(address)
  return fetch(hostname === 'berth.localhost' ? new URL(`${pathname}${search}`, url) : address, { redirect: 'manual', ...init })
}
const inside = (script: string, exit: number | null = 0) => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit })
const up = (repository: string, name: string) => product.json<Workspace>(['up', `${github.url}/northquay/${repository}.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', name, '-y', '--no-open'])
const branches = (name: string): string => Bun.spawnSync(['git', '--git-dir', join(root, 'northquay', `${name}.git`), 'for-each-ref', '--format=%(refname:short)']).stdout.toString()
const commit = 'git config user.name Ada && git config user.email ada@example.org && echo more >> README.md && git commit -qam "Count in cents"'

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-github-'))
  github = startGitHub({ root })
  const { world } = github
  world.signedIn = world.addUser('ada')
  world.addOrganization('northquay')
  for (const name of ['ledger', 'other']) await world.addRepository(`northquay/${name}`)
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
}, 120_000)
afterAll(async () => {
  await product?.close()
  await github?.close()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

test('one press makes the app; its link is good once, and only with its state (US0.1, US0.2)', async () => {
  const { url } = await product.json<{ url: string }>(['setup', 'github-app', '--host', github.url, '--organization', 'northquay', '--name', 'berth northquay'])
  const page = await browser(url)
  expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${github.url}`)
  const html = await page.text()
  const attribute = (pattern: RegExp): string => (pattern.exec(html)?.[1] ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
  const pressed = await browser(attribute(/action="([^"]+)"/), { method: 'POST', body: new URLSearchParams({ manifest: attribute(/name="manifest" value="([^"]+)"/) }) })
  const back = pressed.headers.get('location') ?? ''
  const forged = new URL(back)
  forged.searchParams.set('state', 'A'.repeat(43))
  expect((await browser(forged.href)).status).toBe(404)
  const connected = await browser(back)
  expect(connected.status).toBe(303)
  expect((await browser(back)).status).toBe(404)
  expect((await browser(url)).status).toBe(404)
  github.world.choice = { account: 'northquay', repositories: ['ledger'] }
  await browser(connected.headers.get('location') ?? '')
  installation = github.world.installations[0] as Installation
  expect(await product.json(['setup', 'github-app', '--host', github.url, '--list'])).toMatchObject({ apps: [{ slug: 'berth-northquay', origin: github.url }], installations: [{ account: 'northquay', repositories: 'selected', suspended: false }] })
  const listed = await (await product.fetch('/api/v1/github/repositories?search=led')).json()
  expect(listed).toMatchObject({ repositories: [{ fullName: 'northquay/ledger', private: true }], more: false })
}, 60_000)

test('a private repository is cloned and its branch pushed, with a token for that operation, which is given back (US1.2, US2.5)', async () => {
  await up('ledger', 'demo')
  expect((await inside('cat README.md')).stdout).toBe('northquay/ledger\n')
  await inside(`${commit} && git push -q origin HEAD:refs/heads/berth/demo`)
  expect(branches('ledger')).toBe('berth/demo\nmain\n')
  // Whether its origin moved, the server asks with such a token too.
  expect(await product.json(['update', 'demo', '--check'])).toMatchObject({ origin: { branch: 'main', behind: false } })
  expect((await inside('git push origin HEAD:main', null)).stderr).toContain('only berth/demo and branches below that name')
  await inside('mkdir -p .github/workflows && echo on: push > .github/workflows/ci.yml && git add . && git commit -qm workflow')
  expect((await inside('git push origin HEAD:refs/heads/berth/demo', null)).stderr).toContain('without `workflows` permission')
  await inside('git reset -q --hard HEAD~1')
  expect(github.world.issued.length).toBeGreaterThanOrEqual(3)
  expect(await secretsFound(inside, ...github.world.issued)).toEqual([])
  const { records } = await product.json<{ records: AuditRecord[] }>(['audit', '--action', 'git.push'])
  const pushed = records.find(({ action, allowed }) => action === 'git.push' && allowed)
  expect((pushed?.tokenExpiresAt ?? 0) - Date.now()).toBeGreaterThan(50 * 60_000)
}, 120_000)

test('a pull request is opened once, and what its checks say is told', async () => {
  const made = await product.json<PullRequest>(['pr', 'create', 'demo'])
  expect(made).toMatchObject({ number: 1, title: 'Count in cents', head: 'berth/demo', base: 'main', state: 'open' })
  expect(await product.json<PullRequest>(['pr', 'create', 'demo', '--title', 'Again'])).toEqual(made)
  const { commit: sha, checks } = await product.json<PullStatus>(['pr', 'status', 'demo'])
  expect(checks).toBe('none')
  github.world.setCheck('northquay/ledger', sha ?? '', { name: 'unit', status: 'completed', conclusion: 'failure', summary: '2 of 40 failed' })
  github.world.setStatus('northquay/ledger', sha ?? '', { context: 'lint', state: 'success', description: 'clean' })
  const told = await product.cli(['pr', 'status', 'demo'], { exit: 1 })
  expect(told.stdout).toContain('a check failed')
  expect(told.stdout).toContain('✗ unit  2 of 40 failed')
  expect((await product.cli(['pr', 'list', 'demo'])).stdout).toContain('#1')
  // Another base, and as a draft: a pull request of its own is another branch's business, so the first is closed.
  Bun.spawnSync(['git', '--git-dir', join(root, 'northquay', 'ledger.git'), 'branch', 'release', 'main'])
  const [first] = github.world.known('northquay/ledger').pulls
  if (first !== undefined) first.state = 'closed'
  expect(await product.json<PullRequest>(['pr', 'create', 'demo', '--draft', '--base', 'release', '--title', 'For the release'])).toMatchObject({ number: 2, draft: true, base: 'release', title: 'For the release' })
}, 60_000)

test('what is not installed is not cloned, and git says where to choose it (US0.4, EC8)', async () => {
  const refused = await product.cli(['up', `${github.url}/northquay/other.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 1', '--name', 'other', '-y', '--no-open'], { exit: null })
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr + refused.stdout).toContain('is not installed on northquay/other')
  // It was said before anything was made, with the place to choose it.
  expect(refused.stderr).toContain('Choose it here: ')
}, 60_000)

test('asked to wait, `up` goes on when the repository was chosen', async () => {
  const looked = (): number => github.world.asked.filter((line) => line === 'GET /api/v3/repos/northquay/other/installation 404').length
  const before = looked()
  const going = product.cli(['up', `${github.url}/northquay/other.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'waited', '-y', '--no-open', '--wait', '90s'])
  await eventually(() => Promise.resolve(looked() > before), 'the first look', 30_000)
  await github.happen.choose(installation, ['ledger', 'other'])
  const { stderr } = await going
  expect(stderr).toContain('Wait until the repository is connected')
  expect((await product.cli(['ssh', 'waited', 'cat /workspace/README.md'])).stdout).toBe('northquay/other\n')
  await product.cli(['delete', 'waited', '-y'])
  await github.happen.choose(installation, ['ledger'])
}, 120_000)

test('how things stand with the app is one look: connected, nowhere, and revoked where GitHub does not know it', async () => {
  const connections = async () => (await (await product.fetch('/api/v1/github/connections')).json()) as GitHubConnection[]
  expect(await connections()).toMatchObject([{ state: 'connected', app: { slug: 'berth-northquay' }, installations: [{ account: 'northquay', repositories: 'selected' }] }])
  github.world.uninstall(installation)
  expect(await connections()).toMatchObject([{ state: 'nowhere', installations: [] }])
  installation = github.world.install(installation.app, 'northquay', ['ledger'])
  const [app] = github.world.apps.splice(0)
  expect(await connections()).toMatchObject([{ state: 'revoked', message: expect.stringContaining('refused') }])
  if (app !== undefined) github.world.apps.push(app)
  expect((await (await product.fetch('/api/v1/repositories/search?query=ledger')).json()) as unknown).toMatchObject({ repositories: [{ label: 'northquay/ledger', private: true }] })
}, 60_000)

test('taken away, what runs lives and asks to connect again; given back, it goes on (EC7)', async () => {
  github.world.uninstall(installation)
  const fetched = await inside('git fetch origin', null)
  expect(fetched.exitCode).not.toBe(0)
  expect(fetched.stderr).toContain('is not installed on northquay/ledger')
  expect(fetched.stderr).toContain('/installations/new')
  expect((await inside('git log -1 --format=%s')).stdout).toBe('Count in cents\n')
  expect((await product.cli(['pr', 'status', 'demo'], { exit: 4 })).stderr).toContain('choose the repository at')
  github.world.install(installation.app, 'northquay', ['ledger'])
  await inside('git fetch -q origin')
  // Those of a moment ago are given back at the latest when the server ends.
  await product.cli(['server', 'stop'])
  expect(github.world.tokens.size).toBe(0)
  await product.cli(['list'])
  // All that was asked and answered was as GitHub describes it.
  expect(github.refused).toEqual([])
  expect(github.faulty).toEqual([])
}, 60_000)
