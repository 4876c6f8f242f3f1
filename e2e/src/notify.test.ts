/**
 * A question of the real agent reaches a device over web push, an ntfy topic and a webhook; Deny, pressed in the
 * notification, reaches the agent; the answer works once; the card is taken away everywhere. Then what a phone uses
 * beside it: the tree, an upload, the agent's commands, its screen.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { decryptPush, makeSubscription, startReceiver, verifyVapid } from '@berth/testkit/push-service'
import type { Arrived, Device, Receiver } from '@berth/testkit/push-service'
import type { Workspace } from '@berth/wire'
import { NotifyMessage, PUSH_DECISION_PATH } from '@berth/wire/settings'
import { startGround, type Ground } from './ground.ts'
import { eventually } from './product.ts'

let ground: Ground
let receiver: Receiver
let phone: Device
let workspace: Workspace
let asked: NotifyMessage

beforeAll(async () => {
  ground = await startGround({ config: 'notify: { allowPrivate: true, contact: "mailto:owner@example.org" }\n' })
  receiver = startReceiver()
  phone = makeSubscription(`${receiver.url}/push/phone`)
}, 60_000)
afterAll(async () => {
  await ground?.close()
  await receiver?.stop()
}, 120_000)

/** As the service worker does it: no cookie, no API token. */
const press = async (token: string) => fetch(new URL(PUSH_DECISION_PATH, (await ground.ask<{ url: string }>('GET', '/server')).url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) })
const onPhone = (one: Arrived) => (one.path === '/push/phone' ? NotifyMessage.parse(JSON.parse(decryptPush(one.body, phone))) : null)

test('a question reaches every channel, and only the device itself can read it', async () => {
  await ground.product.cli(['server', 'start'])
  await ground.ask('POST', '/push/devices', { name: 'phone', subscription: phone.subscription })
  await ground.ask('PATCH', '/settings', { notify: { ntfy: { url: `${receiver.url}/topic`, hasToken: false }, webhook: { url: `${receiver.url}/hook`, hasSecret: false } }, webhookSecret: 'shared' })
  workspace = await ground.up('told', 'please do [[work]]')
  asked = await receiver.next((one) => { const message = onPhone(one); return message?.reason === 'needs-you' ? message : null })
  expect(asked).toMatchObject({ workspaceId: workspace.id, title: 'told needs you' })
  expect(asked.decide).not.toBeNull()
  const authorization = await receiver.next((one) => (one.path === '/push/phone' ? one.headers.get('authorization') : null))
  const { publicKey } = await ground.ask<{ publicKey: string }>('GET', '/push/key')
  expect(verifyVapid(authorization, publicKey).aud).toBe(receiver.url)
  const id = asked.approvalId ?? '?'
  await receiver.next((one) => one.path === '/hook' && one.body.includes(id) && one.headers.get('berth-signature'))
  expect(await receiver.next((one) => one.path === '/' && one.body.includes(id) && one.body.toString())).not.toContain('actions')
}, 300_000)

test('Deny in the notification reaches the agent, once, and the card goes from every channel', async () => {
  const { deny = '', allow = '' } = asked.decide ?? {}
  const answers = await Promise.all([press(deny), press(deny), press(deny)])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 403, 403])
  expect((await press(allow)).status).toBe(409)
  const applied = await eventually(async () => (await ground.events(workspace.id)).find(({ body }) => body.type === 'approval.applied' && body['approvalId'] === asked.approvalId), 'the answer at the agent', 60_000)
  expect(applied.body).toMatchObject({ behavior: 'deny', via: 'push' })
  await receiver.next((one) => onPhone(one)?.withdraw === true)
  await receiver.next((one) => one.path === '/hook' && one.body.includes('"withdraw":true'))
  expect(await receiver.next((one) => one.method === 'DELETE' && one.path)).toStartWith('/topic/')
}, 120_000)

test('what is told survives a server that is killed, and is told once', async () => {
  const seen = () => receiver.arrived.filter((one) => one.path === '/hook').map((one) => NotifyMessage.parse(JSON.parse(one.body.toString())))
  await eventually(async () => {
    for (const { approvalId } of await ground.approvals(workspace.id)) await ground.product.fetch(`/api/v1/approvals/${approvalId}/decision`, { method: 'POST', body: JSON.stringify({ decision: { behavior: 'allow' }, via: 'api' }) })
    return seen().some(({ reason }) => reason === 'turn-done')
  }, 'the end of the turn', 120_000)
  process.kill((await ground.ask<{ pid: number }>('GET', '/server')).pid, 'SIGKILL')
  await ground.product.cli(['server', 'start'])
  await ground.product.cli(['send', workspace.id, 'and now [[hello]]'])
  await eventually(async () => seen().filter(({ reason }) => reason === 'turn-done').length >= 2, 'the next turn', 120_000)
  const told = seen().map(({ tag, withdraw, reason, approvalId }) => `${reason} ${approvalId ?? tag} ${withdraw}`).filter((line) => !line.startsWith('turn-done'))
  expect(told.length).toBe(new Set(told).size)
}, 300_000)

test('a phone finds and reads files, gives one in, and sees the screen', async () => {
  const base = `/workspaces/${workspace.id}`
  const { entries } = await ground.ask<{ entries: { path: string; change: string | null }[] }>('GET', `${base}/files`)
  expect(entries.find(({ path }) => path === 'README.md')).toBeDefined()
  expect((await ground.ask<{ text: string }>('GET', `${base}/files/content?path=README.md`)).text).toContain('# demo')
  expect((await ground.ask<{ entries: { path: string }[] }>('GET', `${base}/files?query=readm`)).entries[0]?.path).toBe('README.md')
  expect((await ground.product.fetch(`/api/v1${base}/files/content?path=${encodeURIComponent('../../../etc/passwd')}`)).status).toBeOneOf([403, 404])
  const bytes = crypto.getRandomValues(new Uint8Array(300_000))
  const put = await ground.product.fetch(`/api/v1${base}/uploads?name=${encodeURIComponent('my shot.png')}`, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } })
  const { path } = (await put.json()) as { path: string }
  expect(path).toMatch(/\/\.berth\/uploads\/[0-9a-f]{8}-my-shot\.png$/)
  const commands = await ground.ask<{ name: string; from: string }[]>('GET', `${base}/commands`)
  expect(commands.some(({ name, from }) => name === 'compact' && from === 'agent')).toBe(true)
  const screen = await ground.ask<{ ansi: string; cols: number; rows: number }>('GET', `${base}/terminals/agent/snapshot`)
  expect(screen.cols).toBeGreaterThan(20)
  expect(screen.ansi).toContain('\u001b[')
  expect(Array.isArray(await ground.ask('GET', `${base}/ports`))).toBe(true)
  expect((await ground.ask<{ label: string }[]>('GET', '/repositories')).length).toBe(1)
}, 60_000)
