/** What leads out of a workspace and in, on the page: its network, its models, its people; and what is not offered to who may only look. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { join } from 'node:path'
import { createClient, type Client } from '@berth/client'
import { createFakeProvider } from '@berth/testkit'
import type { OrgId, UserId, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { startMachineless, type Machineless } from './machineless.ts'
import { allAxeProblems } from './screen-checks.ts'
import { CHROMIUM, DESK, PHONE, TABLET, test } from './world.ts'

let world: Machineless
let client: Client
let viewer: Client
let viewerId: UserId
let ship: Workspace
const SHOTS = process.env['BERTH_SHOTS']

beforeAll(async () => {
  if (CHROMIUM === null) return
  const provider = { ...createFakeProvider({ clock: { now: () => Date.now() } }), setEgress: async () => {} }
  world = await startMachineless({ providers: () => [provider] })
  ;({ client } = world)
  ship = await client.createWorkspace({ source: { kind: 'empty' }, name: 'ledger', agent: 'claude', egress: { mode: 'allowlist', allow: ['@npm', 'api.example.com'] } })
  await seed()
  const { store } = world.database
  const token = new URL((await client.invite({ role: 'viewer', note: 'Ada' })).url).searchParams.get('token') ?? ''
  const joined = await store.people.join(token, { name: 'Ada Lovelace' }, Date.now())
  if (joined === null) throw new Error('the invitation was not taken')
  viewerId = joined.userId
  const issued = await store.access.issueToken({ userId: viewerId, orgId: joined.orgId, kind: 'cli', name: 'test', expiresAt: null }, Date.now())
  viewer = createClient({ url: world.server.url, token: issued.token })
}, 90_000)
afterAll(() => world?.close(), 60_000)

async function seed(): Promise<void> {
  const { store } = world.database
  const now = Date.now()
  const used = { orgId: ship.orgId as OrgId, userId: ship.creatorId, workspaceId: ship.id, vendor: 'anthropic' as const, keyName: null, estimated: 0, unpricedTokens: 0, requests: 40, inputTokens: 120_000, outputTokens: 30_000, cacheReadTokens: 900_000, cacheWriteTokens: 20_000 }
  await store.modelUsage.add({ ...used, sessionId: ship.sessionId, model: 'claude-opus-5-5', costMicros: 1_260_000 }, now)
  await store.modelUsage.add({ ...used, sessionId: ship.sessionId, vendor: 'openai', model: 'gpt-5.5', costMicros: 0, unpricedTokens: 150_000, requests: 3 }, now)
  for (const host of ['telemetry.example.net', 'telemetry.example.net', '10.0.0.7']) await store.egress.refused(ship.id, { host, port: host === '10.0.0.7' ? 5432 : 443, why: host === '10.0.0.7' ? 'it is a private address' : 'nobody has said yet whether it may be reached' }, now)
}
const status = () => `/workspaces/${ship.id}/status`

test('workspace-network: see where a workspace may go and was not let go, and allow a host with one tap', async () => {
  const page = await world.open(status(), DESK)
  const part = page.getByRole('region', { name: 'Network', exact: true })
  await part.getByText('telemetry.example.net').waitFor()
  await part.getByRole('button', { name: 'Allow telemetry.example.net' }).click()
  await part.getByRole('button', { name: 'telemetry.example.net is allowed: forget it' }).waitFor()
  await part.getByRole('textbox', { name: 'Host to allow' }).fill('*.example.org')
  await part.getByRole('button', { name: 'Allow', exact: true }).click()
  await part.getByRole('button', { name: '*.example.org is allowed: forget it' }).waitFor()
  expect((await client.getEgress({ id: ship.id })).policy).toMatchObject({ mode: 'allowlist', allow: ['@npm', 'api.example.com', 'telemetry.example.net', '*.example.org'] })
  await part.getByRole('button', { name: 'api.example.com is allowed: forget it' }).click()
  await part.getByRole('button', { name: 'Nothing' }).click()
  await eventually(async () => { const { policy } = await client.getEgress({ id: ship.id }); return policy.mode === 'none' && !policy.allow.includes('api.example.com') }, 'the change')
  await part.getByRole('button', { name: 'Listed hosts' }).click()
  await part.getByRole('list', { name: 'Allowed hosts' }).waitFor()
  await page.context().close()
}, 60_000)

test('workspace-models: see what each session used, what has no price, and set what may be used', async () => {
  const page = await world.open(status(), DESK)
  const part = page.getByRole('region', { name: 'Models, this month' })
  await part.getByText('$1.26 and more').waitFor()
  await part.getByLabel('Tell at, $').fill('1')
  await part.getByLabel('Stop at, $').fill('20')
  await part.getByRole('button', { name: 'Set: Limit of this workspace' }).click()
  await part.getByText('agents are stopped at $20.00').waitFor()
  expect(await client.listModelBudgets()).toContainEqual({ scope: 'workspace', subject: ship.id, softMicros: 1_000_000, hardMicros: 20_000_000, usedMicros: expect.any(Number) })
  await page.context().close()
}, 60_000)

test('settings-usage: see the month by workspace, person, session and model, and limit it for all', async () => {
  const page = await world.open('/settings', DESK)
  const part = page.getByRole('region', { name: 'Use of models' })
  for (const [by, row] of [['Person', null], ['Session', /^ledger, /], ['Model', 'gpt-5.5'], ['Workspace', 'ledger']] as const) {
    await part.getByRole('button', { name: by, exact: true }).click()
    await (row === null ? part.locator('tbody tr') : part.getByRole('rowheader', { name: row })).first().waitFor()
  }
  await part.getByRole('button', { name: 'Model', exact: true }).click()
  expect(await part.getByRole('row', { name: /gpt-5\.5/ }).getByRole('cell').last().innerText()).toBe('no price')
  const form = part.getByRole('form', { name: 'Limit of a month, for all' })
  await form.getByLabel('Stop at, $').fill('a lot')
  await form.getByRole('button').click()
  await form.getByText('a limit is a sum in dollars').waitFor()
  await form.getByLabel('Stop at, $').fill('2.50')
  await form.getByRole('button').click()
  await part.getByText('agents are stopped at $2.50: they are stopped now').waitFor()
  await form.getByLabel('Stop at, $').fill('')
  await form.getByRole('button').click()
  await eventually(async () => !(await client.listModelBudgets()).some(({ scope }) => scope === 'organisation'), 'the end of the limit')
  await part.getByRole('combobox', { name: 'Month' }).selectOption({ index: 1 })
  await part.getByText('Nothing in this month.').waitFor()
  await page.context().close()
}, 60_000)

test('viewer-looks, workspace-people: who may look is offered no more than that, until the owner gives more', async () => {
  const page = await world.open(`/workspaces/${ship.id}`, PHONE, viewer)
  const field = page.getByRole('textbox', { name: 'Message to the agent' })
  await field.waitFor()
  expect(await field.isDisabled()).toBe(true)
  expect(await field.getAttribute('placeholder')).toBe('You may look, and say nothing here')
  expect(await page.getByRole('button', { name: 'Terminal' }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: 'Actions' }).click()
  const menu = page.getByRole('dialog')
  await menu.waitFor()
  const offered = await menu.getByRole('button').evaluateAll((all) => all.filter((one) => !(one as HTMLButtonElement).disabled).map((one) => one.querySelector('.grow')?.textContent))
  expect(offered).toEqual(['Review & commit', 'How to connect', 'Open on a phone'])
  await page.keyboard.press('Escape')
  await page.goto(`${world.server.pageUrl}${status()}`)
  const network = page.getByRole('region', { name: 'Network', exact: true })
  await network.getByText('The owner of the workspace decides about it.').waitFor()
  expect(await network.getByRole('button', { name: /^Allow/ }).count()).toBe(0)
  expect(await page.getByRole('region', { name: 'Who else sees it' }).count()).toBe(0)
  // The server says the same, whatever is offered.
  await expect(viewer.setEgress({ id: ship.id, mode: 'open' })).rejects.toMatchObject({ code: 'forbidden' })

  const owners = await world.open(status(), DESK)
  await owners.getByRole('region', { name: 'Who else sees it' }).getByRole('combobox', { name: 'What Ada Lovelace may' }).selectOption('act')
  await eventually(async () => (await client.listWorkspacePeople({ id: ship.id })).find(({ userId }) => userId === viewerId)?.given === 'act', 'the grant')
  await page.goto(`${world.server.pageUrl}/workspaces/${ship.id}`)
  await eventually(async () => (await field.getAttribute('placeholder')) !== 'You may look, and say nothing here', 'the field to open')
  expect(await page.getByRole('button', { name: 'Terminal' }).isDisabled()).toBe(false)
  await owners.getByRole('combobox', { name: 'What Ada Lovelace may' }).selectOption('')
  await eventually(async () => (await client.listWorkspacePeople({ id: ship.id })).find(({ userId }) => userId === viewerId)?.given === null, 'the end of the grant')
  await owners.context().close()
  await page.context().close()
}, 90_000)

test('new-network: choose where a new workspace may go', async () => {
  const page = await world.open('/new', DESK)
  const form = page.getByRole('dialog')
  await form.getByLabel('Begin with an empty tree').check()
  await form.getByRole('radio', { name: /Listed hosts/ }).check()
  await form.getByLabel(/^Hosts/).fill('not a host!')
  await form.getByRole('button', { name: 'Start task' }).click()
  await form.getByText(/write names such as/).waitFor()
  await form.getByLabel(/^Hosts/).fill('api.example.com *.example.org:8443')
  await form.getByRole('button', { name: 'Start task' }).click()
  await page.waitForURL(/\/workspaces\/ws_/)
  const made = (await client.listWorkspaces({})).find(({ id }) => page.url().includes(id))
  expect(made && (await client.getEgress({ id: made.id })).policy).toMatchObject({ mode: 'allowlist', allow: expect.arrayContaining(['@npm', 'api.example.com', '*.example.org:8443']) })
  await page.context().close()
}, 60_000)

for (const [name, size] of [['phone', PHONE], ['tablet', TABLET], ['desk', DESK]] as const) {
  test(`what is new stands within its width and can be used by all, on a ${name}`, async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await world.open('/settings', { ...size, colorScheme })
      for (const [screen, path, seen] of [['usage', '/settings', 'Use of models'], ['status', status(), 'Not let through'], ['new', '/new', 'It may reach']] as const) {
        if (screen !== 'usage') await page.goto(`${world.server.pageUrl}${path}`)
        const at = page.getByText(seen).first()
        await at.waitFor()
        if (screen === 'new') await page.getByRole('radio', { name: /Listed hosts/ }).check()
        if (screen === 'usage') await page.getByRole('region', { name: 'Use of models' }).getByRole('rowheader', { name: 'ledger' }).waitFor()
        await at.scrollIntoViewIfNeeded()
        if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `ways-${screen}-${name}-${colorScheme}.png`) })
        expect([screen, colorScheme, await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)]).toEqual([screen, colorScheme, 0])
        if (name !== 'tablet') expect([screen, colorScheme, await allAxeProblems(page)]).toEqual([screen, colorScheme, []])
      }
      await page.context().close()
    }
  }, 120_000)
}
