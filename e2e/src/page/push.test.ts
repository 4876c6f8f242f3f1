/**
 * Notifications in a real Chromium: the page subscribes, the server seals and signs what it tells for that device, a
 * push service of ours opens it, and the browser gives it to the page's own worker, which shows it and answers. Only
 * the network of the browser's maker is not there; its two ends are.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { verifyVapid } from '@berth/testkit/push-service'
import type { Page } from 'playwright-core'
import type { Approval, Workspace } from '@berth/wire'
import { PUSH_DECISION_PATH } from '@berth/wire/settings'
import { eventually } from '../product.ts'
import { startPushDevice, type PushDevice } from './push-device.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let device: PushDevice
let phone: Page
let first: Workspace
let origin = ''

const asked = (workspace: Workspace) => device.told(({ workspaceId, reason, decide }) => workspaceId === workspace.id && reason === 'needs-you' && decide !== null)
const approval = (id: string | null) => world.ask<Approval>('GET', `/approvals/${id}`)
const settings = (change: object) => world.ask('PATCH', '/settings', change)
const redeem = (token: string) => fetch(new URL(PUSH_DECISION_PATH, origin.replace('berth.localhost', '127.0.0.1')), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) })

beforeAll(async () => {
  if (CHROMIUM === null) return
  const touch = (name: string) => [{ tool: 'bash' as const, input: { command: `touch ${name}` } }]
  world = await startWorld({
    config: 'notify: { allowPrivate: true }\n',
    scenarios: { one: () => [touch('allowed.txt'), [{ text: 'First done.' }]], two: () => [touch('denied.txt'), [{ text: 'Second done.' }]], three: () => [touch('three.txt'), [{ text: 'Third done.' }]], risky: () => [[{ tool: 'bash' as const, input: { command: 'git reset --hard' } }], [{ text: 'Reset.' }]] },
  })
  first = await world.up('first', 'hello [[hello]]')
  phone = await world.open(PHONE)
  origin = new URL(phone.url()).origin
  device = await startPushDevice(phone)
}, 180_000)

afterAll(async () => {
  await world?.close()
  await device?.close()
}, 120_000)

test('push-subscribe, push-test: a device is switched on in the settings, and a test reaches it, signed by this server', async () => {
  await device.switchOn()
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await phone.locator('.test-row').getByText('was taken').waitFor()
  const test = await device.told(({ tag }) => tag === 'test')
  const authorization = await device.receiver.next((one) => (one.path === '/push/phone' ? one.headers.get('authorization') : null))
  const { publicKey } = await world.ask<{ publicKey: string }>('GET', '/push/key')
  expect(verifyVapid(authorization, publicKey).aud).toBe(device.receiver.url)
  await device.deliver(test)
  expect(await device.showing('test')).toMatchObject({ title: 'Berth', body: 'This is how your agents will reach you.', actions: [] })
}, 60_000)

test('push-allow: Allow on the notification runs the call, and the card goes from the device', async () => {
  const workspace = await world.up('one', 'please do [[one]]')
  const message = await asked(workspace)
  await device.deliver(message)
  expect(await device.showing(message.tag)).toMatchObject({ title: 'one needs you', stays: true, actions: ['deny', 'allow'] })
  expect((await device.showing(message.tag)).body).toContain('touch allowed.txt')
  await device.press(message.tag, 'allow')
  await world.turnOver(workspace.id)
  expect(await approval(message.approvalId)).toMatchObject({ state: 'applied', decision: { behavior: 'allow', scope: 'once' }, decidedBy: { via: 'push' } })
  expect((await world.product.cli(['diff', workspace.id])).stdout).toContain('allowed.txt')
  // A second device that still shows it is told to take it away.
  await device.gone(message.tag)
  await device.deliver(message)
  await device.showing(message.tag)
  await device.deliver(await device.told(({ withdraw, approvalId }) => withdraw && approvalId === message.approvalId))
  await device.gone(message.tag)
}, 180_000)

test('push-deny, push-replay, push-foreign: Deny reaches the agent; a token works once, and only for what it was made', async () => {
  const workspace = await world.up('two', 'please do [[two]]')
  const message = await asked(workspace)
  const { allow = '', deny = '' } = message.decide ?? {}
  expect((await redeem(`${allow}x`)).status).toBe(403)
  expect((await redeem('of-another-server-0123456789')).status).toBe(403)
  const used = device.arrived().find(({ decide, approvalId }) => decide !== null && approvalId !== message.approvalId)?.decide
  expect((await redeem(used?.allow ?? '')).status).toBe(403)
  await device.deliver(message)
  await device.showing(message.tag)
  await device.press(message.tag, 'deny')
  expect((await redeem(deny)).status).toBe(403)
  // The other answer of the same question comes too late, and the device says so.
  await device.gone(message.tag)
  await device.deliver(message)
  await device.showing(message.tag)
  await device.press(message.tag, 'allow')
  expect((await device.showing(message.tag)).title).toBe('Answered already')
  await world.turnOver(workspace.id)
  expect(await approval(message.approvalId)).toMatchObject({ state: 'applied', decision: { behavior: 'deny' }, decidedBy: { via: 'push' } })
  expect((await world.product.cli(['diff', workspace.id])).stdout).not.toContain('denied.txt')
}, 180_000)

test('push-risky: what is dangerous has no button on the notification, and waits for a held finger on its page', async () => {
  const workspace = await world.up('risky', 'please do [[risky]]')
  const message = await device.told(({ workspaceId, reason }) => workspaceId === workspace.id && reason === 'needs-you')
  expect(message.decide).toBeNull()
  await device.deliver(message)
  expect(await device.showing(message.tag)).toMatchObject({ stays: true, actions: [] })
  expect((await device.showing(message.tag)).body).toContain('git reset --hard')
  await phone.goto(new URL(message.url, origin).href)
  await phone.locator('.dock').getByRole('button', { name: 'Hold to allow' }).waitFor()
  await world.product.cli(['delete', workspace.id, '-y'])
}, 120_000)

test('push-focus: a question is not pushed while that very card is on a focused screen, and is once it is not', async () => {
  const desk = await world.open(DESK)
  await world.turnOver(first.id)
  await desk.goto(world.at(first))
  await desk.getByRole('log').getByText(/hello/).first().waitFor()
  await eventually(async () => (await world.workspace(first.id)).viewers > 0, 'the page is connected')
  await world.product.cli(['send', first.id, 'please do [[three]]'])
  await desk.locator('.dock').getByRole('region', { name: /^Needs you/ }).waitFor()
  // Asked later, of one that nobody looks at: told.
  const second = await world.up('second', 'please do [[three]]')
  await asked(second)
  expect(device.arrived().filter(({ workspaceId, reason }) => workspaceId === first.id && reason === 'needs-you')).toEqual([])
  await desk.goto(`${origin}/settings`)
  const message = await asked(first)
  expect((await approval(message.approvalId)).state).toBe('open')
  await desk.context().close()
  for (const workspace of [first, second]) await world.product.cli(['delete', workspace.id, '-y'])
}, 240_000)

test('push-switches, push-quiet: what is switched off is not told, and what waits is told when quiet hours end', async () => {
  await phone.goto(`${origin}/settings`)
  await phone.getByRole('switch', { name: /^A turn is done/ }).click()
  await phone.getByText('Saved', { exact: true }).waitFor()
  const quiet = await world.up('quiet', 'hello [[hello]]')
  await world.turnOver(quiet.id)
  const minute = new Date().getUTCHours() * 60 + new Date().getUTCMinutes()
  await settings({ notify: { quiet: { fromMinute: (minute + 1410) % 1440, toMinute: (minute + 30) % 1440, zone: 'UTC' } } })
  await world.product.cli(['send', quiet.id, 'please do [[three]]'])
  await eventually(async () => (await world.workspace(quiet.id)).needsYou === 1, 'the question')
  // Another way in says when the server has looked: what it told of this workspace so far is nothing.
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await phone.locator('.test-row').getByText('was taken').waitFor()
  expect(device.arrived().filter(({ workspaceId }) => workspaceId === quiet.id)).toEqual([])
  await settings({ notify: { quiet: null } })
  const message = await asked(quiet)
  expect(message.title).toBe('quiet needs you')
  expect(device.arrived().filter(({ workspaceId, reason }) => workspaceId === quiet.id && reason === 'turn-done')).toEqual([])
}, 180_000)

test('neither the page nor its worker complained', () => {
  expect([world.complaints, device.errors]).toEqual([[], []])
})
