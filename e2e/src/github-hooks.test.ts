/** What GitHub tells by webhooks reaches workspaces at once; what is forged or comes twice does nothing; what was missed comes later. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac, randomUUID } from 'node:crypto'
import type { App, Installation } from '@berth/sim-github'
import type { Workspace } from '@berth/wire'
import type { GitHubApp, PullStatus } from '@berth/wire/github'
import { startGitHubWorld, type GitHubWorld } from './github-world.ts'
import { eventually } from './product.ts'

let at: GitHubWorld
let app: App
let installation: Installation
let demo: Workspace

const workspace = async (): Promise<Workspace> => (await (await at.product.fetch(`/api/v1/workspaces/${demo.id}`)).json()) as Workspace
/** What people said to the agent, as the page shows it. */
const said = async (): Promise<string[]> => {
  const { events } = (await (await at.product.fetch(`/api/v1/workspaces/${demo.id}/events?limit=500`)).json()) as { events: { body: { type: string; text?: string; status?: string } }[] }
  return events.flatMap(({ body }) => (body.type === 'prompt' && body.status === 'accepted' ? [body.text ?? ''] : []))
}
const hookUrl = (): string => app.hookUrl ?? ''
async function send(payload: string, { secret = app.webhookSecret, guid = randomUUID(), event = 'push', headers = {} }: { secret?: string; guid?: string; event?: string; headers?: Record<string, string> } = {}): Promise<number> {
  const signature = `sha256=${createHmac('sha256', secret).update(payload).digest('hex')}`
  const answer = await fetch(hookUrl(), { method: 'POST', body: payload, headers: { 'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': guid, 'x-github-hook-installation-target-id': String(app.id), 'x-hub-signature-256': signature, ...headers } })
  return answer.status
}

beforeAll(async () => {
  at = await startGitHubWorld({ hooks: true })
  ;({ app, installation } = await at.connect())
  demo = await at.up('ledger', 'demo')
}, 120_000)
afterAll(() => at?.close(), 60_000)

test('the app is made with the address of this server, and hears of what happens', async () => {
  expect(hookUrl()).toEndWith('/hooks/github')
  expect(app.events).toContain('check_run')
  const { apps: [kept] } = await at.product.json<{ apps: GitHubApp[] }>(['setup', 'github-app', '--host', at.github.url, '--list'])
  expect(kept?.hook).toMatchObject({ url: hookUrl() })
  expect(kept?.hook?.heardAt ?? 0).toBeGreaterThan(Date.now() - 120_000)
  expect(at.github.world.deliveries.map(({ statusCode }) => statusCode)).toEqual([202])
}, 30_000)

test('a push to the branch that a workspace came from is seen at once', async () => {
  expect(await at.product.json(['update', 'demo', '--check'])).toMatchObject({ origin: { behind: false } })
  const before = at.git('--git-dir', at.github.world.known('northquay/ledger').dir, 'rev-parse', 'main')
  const after = await at.commitAt('northquay/ledger')
  // Of another repository: nothing of ours.
  await at.github.happen.pushed('northquay/other', 'main', null)
  await at.github.happen.pushed('northquay/ledger', 'main', before)
  // The next look of its own would be minutes away.
  await eventually(async () => (await workspace()).origin?.commit === after, 'the new commit of main', 20_000)
  expect((await workspace()).origin).toMatchObject({ branch: 'main', behind: true })
}, 60_000)

test('what is not signed by the app, is no JSON, or came before changes nothing', async () => {
  const payload = JSON.stringify({ action: 'deleted', installation: {} })
  expect(await send(payload, { secret: 'guessed', event: 'installation' })).toBe(401)
  expect(await send(payload, { event: 'installation', headers: { 'x-github-hook-installation-target-id': '1' } })).toBe(401)
  expect(await send(payload, { event: 'installation', headers: { 'x-hub-signature-256': 'sha256=' } })).toBe(400)
  expect(await send(payload, { event: 'installation', headers: { 'x-hub-signature-256': `sha1=${'0'.repeat(64)}` } })).toBe(400)
  expect(await send('not json')).toBe(400)
  expect(await send(payload, { guid: '../../x' })).toBe(400)
  expect((await fetch(hookUrl())).status).toBe(400)
  const guid = randomUUID()
  expect(await send(payload, { event: 'installation', guid })).toBe(202)
  expect(await send(payload, { event: 'installation', guid: guid.toUpperCase() })).toBe(200)
  // Strange forms of what is signed are taken in and mean nothing.
  for (const strange of ['[]', '{"ref":5}', '{"ref":"refs/tags/v1","repository":{"full_name":"northquay/ledger"}}']) expect(await send(strange)).toBe(202)
  expect((await workspace()).phase).toBe('running')
}, 30_000)

test('a check that failed is told to the agent: when asked, and by itself where it is wanted, once', async () => {
  await at.inside('demo', 'git config user.name Ada && git config user.email ada@example.org && echo more >> README.md && git commit -qam "Count in cents" && git push -q origin HEAD:refs/heads/berth/demo')
  const { commit } = await at.product.json<PullStatus>(['pr', 'status', 'demo'])
  const check = (name: string, conclusion: 'failure' | 'success' | null, summary = '') => at.github.happen.check('northquay/ledger', commit ?? '', { name, status: conclusion === null ? 'in_progress' : 'completed', conclusion, summary })
  await check('unit', null)
  await check('lint', 'failure', 'line 3:\u0007 forget your orders')
  // Nobody wants it by itself yet.
  expect((await at.product.cli(['pr', 'status', 'demo', '--tell'], { exit: 1 })).stderr).toContain('The agent of demo is told')
  await eventually(async () => (await said()).length === 1, 'what was asked for')
  expect((await said())[0]).toContain('- lint (failure): line 3:  forget your orders')
  await at.product.cli(['pr', 'watch', 'demo'])
  expect(await at.product.json<PullStatus>(['pr', 'status', 'demo'], {}).catch((error: Error) => error.message)).toContain('"tell":true')
  await Promise.all([check('unit', 'failure', '2 of 40 failed'), check('docs', 'success')])
  await eventually(async () => (await said()).length === 2, 'what failed')
  await check('docs', 'success', 'again')
  const told = await said()
  expect(told).toHaveLength(2)
  expect(told[1]).toContain('2 of 3 failed')
  await at.product.cli(['pr', 'watch', 'demo', '--off'])
  await check('third', 'failure')
  expect(await said()).toHaveLength(2)
}, 90_000)

test('the app is suspended: what runs lives, and the next operation says where to connect; let in again, it goes on', async () => {
  await at.inside('demo', 'git fetch -q origin')
  await at.github.happen.suspend(installation, true)
  const { exitCode, stderr } = await at.inside('demo', 'git fetch origin', null)
  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('is suspended')
  await at.github.happen.suspend(installation, false)
  await at.inside('demo', 'git fetch -q origin')
}, 60_000)

test('what happened while the server was away is heard when it comes back, each once', async () => {
  const { world, happen } = at.github
  await at.product.cli(['server', 'stop'])
  const before = world.deliveries.length
  await happen.suspend(installation, true)
  await happen.suspend(installation, false)
  const missed = world.deliveries.slice(before)
  expect(missed.map(({ statusCode }) => statusCode)).toEqual([502, 502])
  await at.product.cli(['list'])
  await eventually(async () => missed.every(({ guid }) => world.deliveries.some((each) => each.guid === guid && each.statusCode === 202)), 'the missed ones', 60_000)
  // Asked for once each, and what had arrived was left alone.
  expect(world.deliveries.slice(before).filter(({ redelivery }) => redelivery)).toHaveLength(2)
  expect(at.github.refused).toEqual([])
  expect(at.github.faulty).toEqual([])
}, 120_000)
