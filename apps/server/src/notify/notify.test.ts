import { afterAll, afterEach, beforeAll, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { createHmac } from 'node:crypto'
import { randomIds } from '@berth/wire'
import type { ApprovalId, EventBody, Workspace } from '@berth/wire'
import { SOCKET_PATH } from '@berth/wire/live'
import { NotifyMessage, PUSH_DECISION_PATH } from '@berth/wire/settings'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { decryptPush, makeSubscription, startReceiver, verifyVapid } from '@berth/testkit/push-service'
import type { Arrived, Device, Receiver } from '@berth/testkit/push-service'

setDefaultTimeout(30_000)

let b: Harness
let receiver: Receiver
beforeAll(async () => {
  b = await startHarness({ notify: { allowPrivate: true, contact: 'mailto:owner@example.org' } })
  receiver = startReceiver()
}, 60_000)
afterAll(async () => {
  await b?.close()
  await receiver?.stop()
})
afterEach(async () => {
  receiver.answer(() => new Response(null, { status: 201 }))
  await b.database.sql`update approvals set state = 'superseded' where state in ('open', 'orphaned')`
  for (const { id } of await b.client.listPushDevices({})) await b.client.removePushDevice({ deviceId: id })
  await b.client.changeSettings({ notify: { ntfy: null, webhook: null, quiet: null, reminderMs: 0 } })
})

/** A workspace whose daemon says things. */
async function linked(): Promise<{ made: Workspace; say(...bodies: EventBody[]): Promise<void>; ask(over?: object): Promise<ApprovalId> }> {
  const made = await b.create()
  await b.until(made.id, ({ phase }) => phase === 'starting')
  const { links } = b.server.store
  const { epoch } = await links.openLink({ workspaceId: made.id, generation: 1, journalId: 'journal', lastN: 0, boot: 'boot', daemonVersion: '0.1.0', isolation: 'none', server: 'test' }, Date.now())
  let n = 0
  const say = async (...bodies: EventBody[]) => {
    const entries = bodies.map((body) => ({ n: ++n, id: randomIds.event(), ageMs: 0, body }))
    expect(await links.upload({ workspaceId: made.id, epoch, journalId: 'journal', entries }, Date.now())).toMatchObject({ kind: 'stored' })
  }
  return {
    made, say,
    async ask(over = {}) {
      const approvalId = randomIds.approval()
      await say({ type: 'approval.asked', ask: { approvalId, sessionId: made.sessionId ?? randomIds.session(), kind: 'permission', tool: 'Bash', title: 'run: make build', toolCallId: null, input: { command: 'make build' }, cwd: '/work', contentHash: `hash of ${approvalId}`, ...over } })
      return approvalId
    },
  }
}

const device = (): Device => makeSubscription(`${receiver.url}/push/${crypto.randomUUID()}`)
const register = ({ subscription }: Device) => b.client.addPushDevice({ name: 'phone', subscription })
/** What came to this device, opened. */
const opened = (to: Device) => (one: Arrived) => (one.path === new URL(to.subscription.endpoint).pathname ? NotifyMessage.parse(JSON.parse(decryptPush(one.body, to))) : null)
const nextFor = (to: Device, holds: (message: NotifyMessage) => boolean) => receiver.next((one) => {
  const message = opened(to)(one)
  return message !== null && holds(message) ? message : null
})
const answersOf = ({ decide: answers }: NotifyMessage): { allow: string; deny: string } => {
  if (answers === null) throw new Error('a message without answers')
  return answers
}
const decide = (body: unknown, headers: Record<string, string> = {}, method = 'POST') =>
  fetch(`${b.server.url}${PUSH_DECISION_PATH}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) })

/** First: nobody here ever had a channel. */
it('costs nothing where nobody has a channel: no row is written', async () => {
  const { made, say, ask } = await linked()
  await say({ type: 'turn.ended', sessionId: made.sessionId ?? randomIds.session(), turnId: 'turn', outcome: 'done', message: null, background: 0, durationMs: 5 })
  const waiting = await ask()
  const phone = device()
  const { addedAt } = await register(phone)
  // What still waits is news to a new device; what is over is not.
  await nextFor(phone, (message) => message.approvalId === waiting)
  const rows = await b.database.sql<{ message: NotifyMessage; createdAt: number }[]>`select message, created_at from notifications`
  expect(rows.filter(({ message, createdAt }) => Number(createdAt) < addedAt || message.reason === 'turn-done')).toEqual([])
})

describe('a question', () => {
  it('reaches every device, signed by this server and readable by nobody else, and goes when it is answered', async () => {
    const [phone, tablet] = [device(), device()]
    for (const one of [phone, tablet]) await register(one)
    const { made, ask } = await linked()
    const approvalId = await ask()
    const isAsk = ({ reason }: NotifyMessage) => reason === 'needs-you'
    const [onPhone, onTablet] = await Promise.all([nextFor(phone, isAsk), nextFor(tablet, isAsk)])
    expect(onPhone).toMatchObject({ title: `${made.name} needs you`, body: 'run: make build', approvalId, workspaceId: made.id, withdraw: false })
    const tokens = [answersOf(onPhone), answersOf(onTablet)]
    expect(new Set(tokens.flatMap(({ allow, deny }) => [allow, deny])).size).toBe(4)
    const { publicKey } = await b.client.pushKey({})
    const authorization = await receiver.next((one) => opened(phone)(one) && one.headers.get('authorization'))
    expect(verifyVapid(authorization, publicKey)).toMatchObject({ aud: receiver.url, sub: 'mailto:owner@example.org' })

    const answered = await decide({ token: answersOf(onPhone).deny })
    expect([answered.status, await answered.json()]).toMatchObject([200, { approvalId, behavior: 'deny', decidedBy: { via: 'push' } }])
    expect((await b.client.getApproval({ id: approvalId })).decision?.behavior).toBe('deny')
    for (const one of [phone, tablet]) expect(await nextFor(one, ({ withdraw }) => withdraw)).toMatchObject({ tag: onPhone.tag, approvalId, decide: null })

    expect((await decide({ token: answersOf(onPhone).deny })).status).toBe(403)
    const late = await decide({ token: answersOf(onTablet).allow })
    expect([late.status, ((await late.json()) as { message: string }).message]).toEqual([409, expect.stringContaining('answered first, by push')])
    // Neither log nor rows hold what would answer a question.
    const kept = JSON.stringify(await b.database.sql`select * from notifications`) + b.logged.join('\n')
    for (const token of tokens.flatMap(({ allow, deny }) => [allow, deny])) expect(kept).not.toContain(token)
    expect(b.logged.join('\n')).not.toContain('/push/')
  })

  it('takes no token that is unknown, for another answer, for other content, or sent by another site', async () => {
    const phone = device()
    await register(phone)
    const { ask } = await linked()
    const approvalId = await ask()
    const fresh = async () => {
      const { contentHash } = await b.client.getApproval({ id: approvalId })
      const { userId } = await b.server.store.access.bootstrap(0)
      return b.server.store.decisionTokens.mint({ approvalId, contentHash, userId, behavior: 'allow' }, Date.now())
    }
    expect((await decide({ token: 'berthans_nothing' })).status).toBe(403)
    expect((await decide({ token: await fresh(), behavior: 'deny' })).status).toBe(403)
    expect((await decide({ token: await fresh() }, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await decide({ token: await fresh() }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await decide({ token: await fresh() }, {}, 'GET')).status).toBe(400)
    expect((await decide(`token=${await fresh()}`, { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(400)
    expect((await decide(JSON.stringify({ token: await fresh() }), { 'content-type': 'text/plain' })).status).toBe(400)
    for (const body of ['', '{', '[]', '{"token":7}', `{"token":"${'x'.repeat(5000)}"}`]) expect((await decide(body)).status).toBeOneOf([400, 413])
    const stale = await fresh()
    await b.database.sql`update approvals set content_hash = 'another' where id = ${approvalId}`
    expect((await decide({ token: stale })).status).toBe(403)
    expect((await b.client.getApproval({ id: approvalId })).state).toBe('open')
    const good = await decide({ token: await fresh() }, { origin: b.server.url })
    expect([good.status, await good.json()]).toMatchObject([200, { behavior: 'allow' }])
  })

  it('that is asked in words or is dangerous is told without buttons, and one of another workspace cannot be taken away', async () => {
    const phone = device()
    await register(phone)
    const [one, other] = [await linked(), await linked()]
    const approvalId = await one.ask({ kind: 'question', title: 'which colour?' })
    expect(await nextFor(phone, (message) => message.approvalId === approvalId)).toMatchObject({ title: `${one.made.name} asks`, decide: null })
    const risky = await one.ask({ title: 'run: rm -rf build', input: { command: 'rm -rf build' } })
    expect(await nextFor(phone, (message) => message.approvalId === risky)).toMatchObject({ body: 'run: rm -rf build (deletes files)', decide: null })
    await other.say({ type: 'approval.applied', approvalId, behavior: 'allow', via: 'terminal' })
    const next = await other.ask()
    await nextFor(phone, (message) => message.approvalId === next)
    expect(receiver.arrived.some((arrived) => opened(phone)(arrived)?.withdraw === true)).toBe(false)
  })

  it('whose very card is on a focused screen waits until it is not', async () => {
    const phone = device()
    await register(phone)
    const { ask } = await linked()
    const approvalId = randomIds.approval()
    // The headers are Bun's own option.
    const page = new WebSocket(`${b.server.url.replace('http', 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${b.server.token}` } } as unknown as string[])
    const [opened, pong] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    page.onopen = () => opened.resolve()
    page.onmessage = ({ data }) => { if (String(data).includes('"pong"')) pong.resolve() }
    await opened.promise
    for (const message of [{ type: 'focus', approvalId }, { type: 'ping' }]) page.send(JSON.stringify(message))
    await pong.promise
    await ask({ approvalId })
    const row = async () => (await b.database.sql<{ dueAt: number; attempts: number; sentAt: number | null; createdAt: number }[]>`select due_at, attempts, sent_at, created_at from notifications where key = ${`ask:${approvalId}`}`)[0]
    // Looked at, not sent, and not counted as a try.
    for (let now = await row(); now === undefined || now.attempts > 0 || now.dueAt === now.createdAt; now = await row()) await Bun.sleep(5)
    expect((await row())?.sentAt).toBeNull()
    const closed = Promise.withResolvers<void>()
    page.onclose = () => closed.resolve()
    page.close()
    await closed.promise
    while (b.server.pages.isCardOnFocusedScreen(approvalId, (await b.server.store.access.bootstrap(0)).userId)) await Bun.sleep(5)
    await b.database.sql`update notifications set due_at = 0 where key = ${`ask:${approvalId}`}`
    await b.client.changeSettings({ notify: { reminderMs: 0 } })
    await nextFor(phone, (message) => message.approvalId === approvalId)
  })

  it('is told again when nobody answers, and not when somebody did', async () => {
    const phone = device()
    await register(phone)
    await b.client.changeSettings({ notify: { reminderMs: 1 } })
    const { ask, made } = await linked()
    const approvalId = await ask()
    expect(await nextFor(phone, (message) => message.reason === 'reminder')).toMatchObject({ title: `${made.name} still waits for you`, tag: `ask:${approvalId}` })
  })
})

describe('the other channels', () => {
  it('get the question: a signed webhook, and an ntfy topic whose answers are only given to one that asks for a token', async () => {
    await b.client.changeSettings({ notify: { ntfy: { url: `${receiver.url}/alerts`, hasToken: false }, webhook: { url: `${receiver.url}/hook`, hasSecret: false } }, ntfyToken: 'tk_secret', webhookSecret: 'whsec' })
    const settings = await b.client.getSettings({})
    expect([settings.notify.ntfy?.hasToken, settings.notify.webhook?.hasSecret]).toEqual([true, true])
    expect(JSON.stringify(settings)).not.toMatch(/tk_secret|whsec/)
    const { ask, made } = await linked()
    const approvalId = await ask()
    const hooked = await receiver.next((one) => (one.path === '/hook' && one.body.includes(approvalId) ? one : null))
    const [, at = '', mac = ''] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(hooked.headers.get('berth-signature') ?? '') ?? []
    expect(mac).toBe(createHmac('sha256', 'whsec').update(`${at}.${hooked.body.toString()}`).digest('hex'))
    expect(NotifyMessage.parse(JSON.parse(hooked.body.toString()))).toMatchObject({ approvalId, url: `${b.server.pageUrl}/workspaces/${made.id}?approval=${approvalId}` })
    const published = await receiver.next((one) => (one.path === '/' && one.body.includes(approvalId) ? one : null))
    expect(published.headers.get('authorization')).toBe('Bearer tk_secret')
    const topic = JSON.parse(published.body.toString()) as { topic: string; sequence_id: string; actions: { label: string; url: string; body: string }[] }
    expect([topic.topic, topic.actions.map(({ label }) => label)]).toEqual(['alerts', ['Allow', 'Deny']])
    expect((await decide(topic.actions[1]?.body ?? '')).status).toBe(200)
    expect(await receiver.next((one) => (one.method === 'DELETE' ? one.path : null))).toBe(`/alerts/${topic.sequence_id}`)
    // At another address the token would be told to a stranger.
    await b.client.changeSettings({ notify: { ntfy: { url: 'https://ntfy.example/alerts', hasToken: true } } })
    expect((await b.client.getSettings({})).notify.ntfy?.hasToken).toBe(false)
    await b.client.changeSettings({ notify: { ntfy: { url: `${receiver.url}/open`, hasToken: false } } })
    const open = await ask()
    const bare = await receiver.next((one) => (one.path === '/' && one.body.includes(open) ? one : null))
    expect(JSON.parse(bare.body.toString())).not.toHaveProperty('actions')
  })

  it('are tried again, and a device whose browser took it back is forgotten', async () => {
    const [phone, dead] = [device(), device()]
    await register(phone)
    const { id: deadId } = await register(dead)
    let refusals = 1
    receiver.answer((one) => {
      if (one.path === new URL(dead.subscription.endpoint).pathname) return new Response('gone', { status: 410 })
      return new Response(null, { status: refusals-- > 0 ? 503 : 201, headers: { 'retry-after': '3600' } })
    })
    const { ask } = await linked()
    const approvalId = await ask()
    await nextFor(phone, (message) => message.approvalId === approvalId)
    await receiver.next(opened(dead))
    while ((await b.client.listPushDevices({})).some(({ id }) => id === deadId)) await Bun.sleep(5)
    while ((await b.client.listPushDevices({}))[0]?.failing !== 'HTTP 503') await Bun.sleep(5)
    // Its next try stands in the row; nothing waits for the clock here.
    await b.database.sql`update notifications set due_at = 0 where sent_at is null and gave_up is null`
    await b.client.changeSettings({ notify: { reminderMs: 0 } })
    const tries = () => receiver.arrived.filter((one) => opened(phone)(one)?.approvalId === approvalId).length
    await receiver.next(() => tries() >= 2)
    while ((await b.client.listPushDevices({}))[0]?.failing !== null) await Bun.sleep(5)
  })

  it('are tested one by one on request', async () => {
    await register(device())
    await b.client.changeSettings({ notify: { webhook: { url: `${receiver.url}/broken`, hasSecret: false } } })
    receiver.answer(({ path }) => new Response(null, { status: path === '/broken' ? 404 : 201 }))
    expect((await b.client.testNotification({})).toSorted((one, other) => one.channel.localeCompare(other.channel))).toEqual([{ channel: 'phone', ok: true, detail: null }, { channel: 'webhook', ok: false, detail: 'HTTP 404' }])
  })
})

describe('what else happens', () => {
  const turn = (made: Workspace, outcome: 'done' | 'error' | 'interrupted'): EventBody => ({ type: 'turn.ended', sessionId: made.sessionId ?? randomIds.session(), turnId: crypto.randomUUID(), outcome, message: `it was ${outcome}`, background: 0, durationMs: 5 })
  it('is told while nobody looks, not what was switched off, and not what a person did', async () => {
    const phone = device()
    await register(phone)
    const { made, say } = await linked()
    await say(turn(made, 'interrupted'), turn(made, 'done'), turn(made, 'error'))
    expect(await nextFor(phone, ({ reason, workspaceId }) => reason === 'failed' && workspaceId === made.id)).toMatchObject({ body: 'it was error' })
    expect(await nextFor(phone, ({ reason, workspaceId }) => reason === 'turn-done' && workspaceId === made.id)).toMatchObject({ body: 'it was done', tag: `turn:${made.id}` })
    const { viewerId } = await b.client.joinViewer({ id: made.id, client: 'web' })
    await say(turn(made, 'done'))
    const rows = async () => b.database.sql<{ gaveUp: string | null }[]>`select gave_up from notifications where message ->> 'workspaceId' = ${made.id} and message ->> 'reason' = 'turn-done' order by created_at`
    while ((await rows()).length < 2) await Bun.sleep(5)
    expect((await rows()).at(-1)?.gaveUp).toBe('somebody was looking')
    await b.client.leaveViewer({ viewerId })
  })
  it('waits for the end of quiet hours', async () => {
    const phone = device()
    await register(phone)
    const minute = Math.floor((Date.now() % 86_400_000) / 60_000)
    await b.client.changeSettings({ notify: { quiet: { fromMinute: (minute + 1439) % 1440, toMinute: (minute + 60) % 1440, zone: 'UTC' } } })
    const { made, ask } = await linked()
    const approvalId = await ask()
    const dueAt = async () => (await b.database.sql<{ dueAt: number }[]>`select due_at from notifications where key = ${`ask:${approvalId}`}`)[0]?.dueAt
    while ((await dueAt()) === undefined) await Bun.sleep(5)
    expect(Number(await dueAt()) - Date.now()).toBeGreaterThan(30 * 60_000)
    // Or for their being switched off.
    await b.client.changeSettings({ notify: { quiet: null } })
    expect(await nextFor(phone, (message) => message.approvalId === approvalId)).toMatchObject({ workspaceId: made.id })
  })
})

describe('settings', () => {
  it('refuse what cannot be meant', async () => {
    const refused = (change: Parameters<Harness['client']['changeSettings']>[0]) => b.client.changeSettings(change).then(() => null, (error: unknown) => (error as { code: string }).code)
    expect(await refused({ notify: { quiet: { fromMinute: 0, toMinute: 5, zone: 'Mars/Olympus' } } })).toBe('bad_request')
    expect(await refused({ notify: { ntfy: { url: 'https://ntfy.example/', hasToken: false } } })).toBe('bad_request')
    expect(await refused({ notify: { webhook: { url: 'ftp://x.example/', hasSecret: false } } })).toBe('bad_request')
    expect(await b.client.addPushDevice({ name: 'x', subscription: { endpoint: 'https://push.example/x', keys: { p256dh: 'AAAA', auth: 'AAAA' } } }).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
    expect((await b.client.changeSettings({ phrases: ['run it'] })).phrases).toEqual(['run it'])
  })
})
