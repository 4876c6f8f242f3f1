import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import type { Channel, NewNotification } from '@berth/core'
import { randomIds } from '@berth/wire'
import type { ApprovalId, OrgId, UserId } from '@berth/wire'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

let b: TestDatabase
let userId: UserId
let orgId: OrgId
beforeAll(async () => {
  b = await openTestDatabase();
  ({ userId, orgId } = await b.store.access.bootstrap(1))
})
afterAll(() => b?.close())

const subscription = (endpoint: string) => ({ endpoint, keys: { p256dh: 'key', auth: 'auth' } })
const row = (key: string, over: Partial<NewNotification> = {}): NewNotification => ({
  key, userId, channel: 'ntfy', dueAt: 100,
  message: { reason: 'needs-you', title: 't', body: 'b', tag: key, url: '/', workspaceId: 'ws_000000000000', approvalId: null, withdraw: false }, ...over,
})
const ask = (id: ApprovalId, channel: Channel): NewNotification => row(`ask:${id}`, { channel, message: { ...row('').message, tag: `ask:${id}`, approvalId: id } })
const claimAll = (now: number) => b.store.notifications.claim({ limit: 100, leaseMs: 1000 }, now)

describe('settings', () => {
  it('are defaults until changed, and give no secret back in plain', async () => {
    const before = await b.store.settings.get(userId)
    expect(before.settings.phrases.length).toBe(3)
    await b.store.settings.change(userId, (own) => ({ ...own, secrets: { ntfyToken: 'tk_very_secret', webhookSecret: null }, settings: { ...own.settings, notify: { ...own.settings.notify, ntfy: { url: 'https://ntfy.example/t', hasToken: false } } }, since: { ntfy: 5, webhook: null } }), 5)
    const after = await b.store.settings.get(userId)
    expect([after.secrets.ntfyToken, after.settings.notify.ntfy]).toEqual(['tk_very_secret', { url: 'https://ntfy.example/t', hasToken: true }])
    expect(JSON.stringify(await b.sql`select * from user_settings`)).not.toContain('very_secret')
    expect(await b.store.notifications.channels()).toEqual([{ userId, channels: [{ channel: 'ntfy', since: 5 }] }])
  })
  it('lose no change when two are made at once, and survive a part that nobody can read', async () => {
    await Promise.all(['one', 'two', 'three'].map((phrase) => b.store.settings.change(userId, (own) => ({ ...own, settings: { ...own.settings, phrases: [...own.settings.phrases, phrase] } }), 6)))
    expect((await b.store.settings.get(userId)).settings.phrases.slice(3).toSorted()).toEqual(['one', 'three', 'two'])
    await b.sql`update user_settings set settings = jsonb_set(settings, '{phrases}', '7')`
    const { settings } = await b.store.settings.get(userId)
    expect([settings.phrases.length, settings.notify.ntfy?.url]).toEqual([3, 'https://ntfy.example/t'])
  })
})

describe('devices', () => {
  it('replace their row, keep endpoint and keys sealed, and are their own person\'s', async () => {
    const first = await b.store.devices.add(userId, { name: 'phone', subscription: subscription('https://push.example/secret-1') }, 10)
    const again = await b.store.devices.add(userId, { name: 'phone', subscription: subscription('https://push.example/secret-1') }, 11)
    expect((await b.store.devices.list(userId)).map(({ id }) => id)).toEqual([again.id])
    expect(await b.store.devices.subscription(first.id)).toBeNull()
    expect(await b.store.devices.subscription(again.id)).toEqual(subscription('https://push.example/secret-1'))
    expect(JSON.stringify(await b.sql`select * from push_devices`)).not.toContain('secret-1')
    await b.store.devices.mark(again.id, 'HTTP 500', 12)
    expect((await b.store.devices.list(userId))[0]).toMatchObject({ failing: 'HTTP 500', lastSentAt: null })
    await b.store.devices.mark(again.id, null, 13)
    expect((await b.store.devices.list(userId))[0]).toMatchObject({ failing: null, lastSentAt: 13 })
    expect(await b.store.devices.remove(randomIds.user(), again.id)).toBe(false)
    expect(await b.store.devices.remove(userId, again.id)).toBe(true)
  })
  it('are not without end', async () => {
    for (let index = 0; index < 20; index++) await b.store.devices.add(userId, { name: 'x', subscription: subscription(`https://push.example/${index}`) }, 10)
    expect(await b.store.devices.add(userId, { name: 'x', subscription: subscription('https://push.example/more') }, 10).catch((error: unknown) => error)).toMatchObject({ code: 'too_many' })
    await b.sql`delete from push_devices`
  })
})

describe('what is to be told', () => {
  it('is written once, claimed by one, and comes back when its server died', async () => {
    const [first, second] = await Promise.all([b.store.notifications.add([row('a')], 100), b.store.notifications.add([row('a')], 100)])
    expect(first + second).toBe(1)
    const claims = await Promise.all([claimAll(100), claimAll(100), claimAll(100)])
    expect(claims.flat().map(({ key, attempts }) => [key, attempts])).toEqual([['a', 1]])
    expect(await claimAll(1099)).toEqual([])
    const [again] = await claimAll(1100)
    expect(again).toMatchObject({ key: 'a', attempts: 2 })
    await b.store.notifications.finish(again?.id ?? '', { do: 'later', at: 5000, counts: false }, 1100)
    expect(await b.store.notifications.nextDue()).toBe(5000)
    const [last] = await claimAll(5000)
    expect(last?.attempts).toBe(2)
    await b.store.notifications.finish(last?.id ?? '', { do: 'sent' }, 5000)
    expect([await claimAll(1e9), await b.store.notifications.nextDue()]).toEqual([[], null])
  })
  it('gives way to a newer one of the same tag', async () => {
    const turn = (key: string) => row(key, { message: { ...row('').message, tag: 'turn:ws' } })
    await b.store.notifications.add([turn('t1')], 100)
    await b.store.notifications.add([turn('t2')], 100)
    await b.store.notifications.add([turn('t1')], 100)
    const claimed = await claimAll(100)
    expect(claimed.map(({ key }) => key)).toEqual(['t2'])
    for (const { id } of claimed) await b.store.notifications.finish(id, { do: 'drop', why: 'x' }, 100)
  })
  it('is withdrawn where it was told, also when the answer came while it was on its way, and nowhere else', async () => {
    const id = randomIds.approval()
    await b.store.notifications.add([ask(id, 'ntfy'), ask(id, 'webhook'), { ...ask(id, 'push:x'), dueAt: 1e6 }], 100)
    const claimed = await claimAll(100)
    const of = (channel: Channel) => claimed.find((one) => one.channel === channel)?.id ?? ''
    await b.store.notifications.finish(of('ntfy'), { do: 'sent' }, 101)
    expect(await b.store.notifications.settle(id, 102)).toBe(1)
    await b.store.notifications.finish(of('webhook'), { do: 'sent' }, 103)
    expect(await b.store.notifications.settle(id, 104)).toBe(0)
    const rest = await claimAll(2e6)
    expect(rest.map(({ channel, key, message }) => [channel, key, message.withdraw]).toSorted()).toEqual([['ntfy', `withdraw:${id}`, true], ['webhook', `withdraw:${id}`, true]])
    for (const one of rest) await b.store.notifications.finish(one.id, { do: 'sent' }, 2e6)
    expect([await b.store.notifications.toldSince('ws_000000000000' as never, 0), await b.store.notifications.toldSince('ws_000000000000' as never, 1e9)]).toEqual([3, 0])
    await b.store.notifications.prune({ done: 1e7, tokens: 0 })
    expect((await b.sql`select 1 from notifications`).length).toBe(0)
  })
})

it('a token is one answer, once, and stands nowhere in plain', async () => {
  const { row: workspace } = await aWorkspace(b.store, 100)
  const approvalId = randomIds.approval()
  await b.sql`insert into approvals (id, workspace_id, session_id, kind, tool, title, input, content_hash, state, asked_at)
    values (${approvalId}, ${workspace.id}, ${workspace.sessionId}, 'permission', 'Bash', 't', '{}', 'h', 'open', 100)`
  const mint = () => b.store.decisionTokens.mint({ approvalId, contentHash: 'h', userId, behavior: 'deny' }, 100)
  const token = await mint()
  expect(JSON.stringify(await b.sql`select * from decision_tokens`)).not.toContain(token)
  expect(await b.store.decisionTokens.redeem(`${token}x`, 0, 200)).toBeNull()
  const redeemed = await Promise.all([1, 2, 3].map(() => b.store.decisionTokens.redeem(token, 0, 200)))
  expect(redeemed.filter((one) => one !== null)).toEqual([{ approvalId, contentHash: 'h', behavior: 'deny', userId, userName: 'tester', orgId }])
  expect(await b.store.decisionTokens.redeem(await mint(), 101, 200)).toBeNull()
})

it('a key of the server is made once, whoever asks first', async () => {
  let made = 0
  const keys = await Promise.all([1, 2, 3, 4].map(() => b.store.serverKeys.key('vapid', () => ({ publicKey: `p${++made}`, secret: `secret number ${made}` }), 1)))
  expect(new Set(keys.map(({ publicKey, secret }) => `${publicKey} ${secret}`)).size).toBe(1)
  expect(JSON.stringify(await b.sql`select sealed from server_keys`)).not.toContain(keys[0]?.secret ?? '?')
})
