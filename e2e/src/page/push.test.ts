/**
 * Notifications in a real Chromium: the page subscribes, the server seals and signs what it tells for that device, a
 * push service of ours opens it, and the browser gives it to the page's own worker, which shows it and answers. Only
 * the network of the browser's maker is not there; its two ends are.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { decryptPush, makeSubscription, startReceiver, verifyVapid, type Arrived, type Device, type Receiver } from '@berth/testkit/push-service'
import type { CDPSession, Page, Worker } from 'playwright-core'
import type { Approval, Workspace } from '@berth/wire'
import { NotifyMessage, PUSH_DECISION_PATH } from '@berth/wire/settings'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let receiver: Receiver
let device: Device
let phone: Page
let session: CDPSession
let first: Workspace
const workerErrors: string[] = []
let registrationId = ''
let origin = ''

const onPhone = (one: Arrived) => (one.path === '/push/phone' ? NotifyMessage.parse(JSON.parse(decryptPush(one.body, device))) : null)
const arrived = () => receiver.arrived.map(onPhone).filter((message) => message !== null)
const told = (holds: (message: NotifyMessage) => boolean) => receiver.next((one) => { const message = onPhone(one); return message !== null && holds(message) ? message : null })
const asked = (workspace: Workspace) => told(({ workspaceId, reason, decide }) => workspaceId === workspace.id && reason === 'needs-you' && decide !== null)
const approval = (id: string | null) => world.ask<Approval>('GET', `/approvals/${id}`)
const settings = (change: object) => world.ask('PATCH', '/settings', change)

const worker = (): Worker => {
  const found = phone.context().serviceWorkers()[0]
  if (!found) throw new Error('no worker')
  return found
}
/** What the browser's push service hands to the browser, and the browser to the worker. */
const deliver = (message: NotifyMessage) => session.send('ServiceWorker.deliverPushMessage', { origin: `${origin}/`, registrationId, data: JSON.stringify(message) })
interface Shown { readonly title: string; readonly body: string; readonly tag: string; readonly stays: boolean; readonly actions: string[] }
const shown = () => phone.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((one): Shown => ({ title: one.title, body: one.body, tag: one.tag, stays: one.requireInteraction, actions: (one as unknown as { actions: { action: string }[] }).actions.map(({ action }) => action) })))
const showing = (tag: string) => eventually(async () => (await shown()).find((one) => one.tag === tag), `the notification ${tag}`, 20_000)
/** The browser forgets one a moment after it was closed. */
const gone = (tag: string) => eventually(async () => !(await shown()).some((one) => one.tag === tag), `the notification ${tag} is gone`, 20_000)
/** The press of a button on it. Only the browser may say how long a worker lives for it, so the test waits itself. */
const press = (tag: string, action: 'allow' | 'deny') => worker().evaluate(async ([tag, action]) => {
  interface Scope { registration: { getNotifications(filter: { tag: string }): Promise<unknown[]> }; NotificationEvent: new (name: string, init: object) => Event }
  const scope = self as unknown as Scope & EventTarget
  const [notification] = await scope.registration.getNotifications({ tag: tag ?? '' })
  const event = new scope.NotificationEvent('notificationclick', { notification, action })
  const works: Promise<unknown>[] = []
  Object.defineProperty(event, 'waitUntil', { value: (work: Promise<unknown>) => works.push(work) })
  scope.dispatchEvent(event)
  await Promise.all(works)
}, [tag, action])
const redeem = (token: string) => fetch(new URL(PUSH_DECISION_PATH, origin.replace('berth.localhost', '127.0.0.1')), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) })

beforeAll(async () => {
  if (CHROMIUM === null) return
  const touch = (name: string) => [{ tool: 'bash' as const, input: { command: `touch ${name}` } }]
  world = await startWorld({
    config: 'notify: { allowPrivate: true }\n',
    scenarios: { one: () => [touch('allowed.txt'), [{ text: 'First done.' }]], two: () => [touch('denied.txt'), [{ text: 'Second done.' }]], three: () => [touch('three.txt'), [{ text: 'Third done.' }]], risky: () => [[{ tool: 'bash' as const, input: { command: 'git reset --hard' } }], [{ text: 'Reset.' }]] },
  })
  receiver = startReceiver()
  device = makeSubscription(`${receiver.url}/push/phone`)
  first = await world.up('first', 'hello [[hello]]')
  phone = await world.open(PHONE)
  origin = new URL(phone.url()).origin
  await phone.context().grantPermissions(['notifications'], { origin })
  // Where the browser's maker would give an address, ours is given, for this server's key alone.
  await phone.context().addInitScript(({ endpoint, keys }) => {
    PushManager.prototype.subscribe = async (options) => {
      const key = new Uint8Array(options?.applicationServerKey as ArrayBuffer)
      if (key.length !== 65 || key[0] !== 4 || options?.userVisibleOnly !== true) throw new TypeError('no key of a server')
      return { toJSON: () => ({ endpoint, keys }) } as unknown as PushSubscription
    }
  }, device.subscription)
  session = await phone.context().newCDPSession(phone)
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { registrationId = registrations.at(-1)?.registrationId ?? registrationId })
  session.on('ServiceWorker.workerErrorReported', ({ errorMessage }) => workerErrors.push(errorMessage.errorMessage))
  await session.send('ServiceWorker.enable')
}, 180_000)

afterAll(async () => {
  await world?.close()
  await receiver?.stop()
}, 120_000)

test('push-subscribe, push-test: a device is switched on in the settings, and a test reaches it, signed by this server', async () => {
  await phone.goto(`${origin}/settings`)
  await phone.getByRole('switch', { name: /^Notify this device/ }).click()
  await phone.getByText('It is told even when Berth is closed').waitFor()
  await phone.getByRole('region', { name: 'Devices that are told' }).getByText('Chrome on', { exact: false }).waitFor()
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await phone.locator('.test-row').getByText('was taken').waitFor()
  const test = await told(({ tag }) => tag === 'test')
  const authorization = await receiver.next((one) => (one.path === '/push/phone' ? one.headers.get('authorization') : null))
  const { publicKey } = await world.ask<{ publicKey: string }>('GET', '/push/key')
  expect(verifyVapid(authorization, publicKey).aud).toBe(receiver.url)
  await deliver(test)
  expect(await showing('test')).toMatchObject({ title: 'Berth', body: 'This is how your agents will reach you.', actions: [] })
}, 60_000)

test('push-allow: Allow on the notification runs the call, and the card goes from the device', async () => {
  const workspace = await world.up('one', 'please do [[one]]')
  const message = await asked(workspace)
  await deliver(message)
  expect(await showing(message.tag)).toMatchObject({ title: 'one needs you', stays: true, actions: ['deny', 'allow'] })
  expect((await showing(message.tag)).body).toContain('touch allowed.txt')
  await press(message.tag, 'allow')
  await world.turnOver(workspace.id)
  expect(await approval(message.approvalId)).toMatchObject({ state: 'applied', decision: { behavior: 'allow', scope: 'once' }, decidedBy: { via: 'push' } })
  expect((await world.product.cli(['diff', workspace.id])).stdout).toContain('allowed.txt')
  // A second device that still shows it is told to take it away.
  await gone(message.tag)
  await deliver(message)
  await showing(message.tag)
  await deliver(await told(({ withdraw, approvalId }) => withdraw && approvalId === message.approvalId))
  await gone(message.tag)
}, 180_000)

test('push-deny, push-replay, push-foreign: Deny reaches the agent; a token works once, and only for what it was made', async () => {
  const workspace = await world.up('two', 'please do [[two]]')
  const message = await asked(workspace)
  const { allow = '', deny = '' } = message.decide ?? {}
  expect((await redeem(`${allow}x`)).status).toBe(403)
  expect((await redeem('of-another-server-0123456789')).status).toBe(403)
  const used = arrived().find(({ decide, approvalId }) => decide !== null && approvalId !== message.approvalId)?.decide
  expect((await redeem(used?.allow ?? '')).status).toBe(403)
  await deliver(message)
  await showing(message.tag)
  await press(message.tag, 'deny')
  expect((await redeem(deny)).status).toBe(403)
  // The other answer of the same question comes too late, and the device says so.
  await gone(message.tag)
  await deliver(message)
  await showing(message.tag)
  await press(message.tag, 'allow')
  expect((await showing(message.tag)).title).toBe('Answered already')
  await world.turnOver(workspace.id)
  expect(await approval(message.approvalId)).toMatchObject({ state: 'applied', decision: { behavior: 'deny' }, decidedBy: { via: 'push' } })
  expect((await world.product.cli(['diff', workspace.id])).stdout).not.toContain('denied.txt')
}, 180_000)

test('push-risky: what is dangerous has no button on the notification, and waits for a held finger on its page', async () => {
  const workspace = await world.up('risky', 'please do [[risky]]')
  const message = await told(({ workspaceId, reason }) => workspaceId === workspace.id && reason === 'needs-you')
  expect(message.decide).toBeNull()
  await deliver(message)
  expect(await showing(message.tag)).toMatchObject({ stays: true, actions: [] })
  expect((await showing(message.tag)).body).toContain('git reset --hard')
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
  expect(arrived().filter(({ workspaceId, reason }) => workspaceId === first.id && reason === 'needs-you')).toEqual([])
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
  expect(arrived().filter(({ workspaceId }) => workspaceId === quiet.id)).toEqual([])
  await settings({ notify: { quiet: null } })
  const message = await asked(quiet)
  expect(message.title).toBe('quiet needs you')
  expect(arrived().filter(({ workspaceId, reason }) => workspaceId === quiet.id && reason === 'turn-done')).toEqual([])
}, 180_000)

test('neither the page nor its worker complained', () => {
  expect([world.complaints, workerErrors]).toEqual([[], []])
})
