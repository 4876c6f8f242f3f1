/** Repositories of tasks in a whole server: what opens one and for how long, and what becomes of one that nobody uses. */
import { afterAll, beforeAll, expect, it } from 'bun:test'
import { existsSync, mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import { decryptPush, makeSubscription, startReceiver } from '@berth/testkit/push-service'
import type { Receiver } from '@berth/testkit/push-service'
import { NotifyMessage } from '@berth/wire/settings'
import { collectHosted } from '../loops/collect-hosted.ts'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { addPerson } from '../test/people.ts'
import { hostedAddresses, hostedPath } from './hosted-addresses.ts'
import { createRepositories } from './repositories.ts'

let b: Harness
let receiver: Receiver
let root: string
let aheadMs = 0
const clock = { now: () => Date.now() + aheadMs }
const DAY = 24 * 3600_000
beforeAll(async () => {
  b = await startHarness({ clock, notify: { allowPrivate: true } })
  receiver = startReceiver()
  root = await mkdtemp(join(tmpdir(), 'berth-hosted-'))
  await git(['init', '-q', '-b', 'main', root])
  await git(['commit', '-q', '--allow-empty', '-m', 'first'])
}, 60_000)
afterAll(async () => {
  await b?.close()
  await receiver?.stop()
  await rm(root, { recursive: true, force: true })
})

async function git(args: readonly string[], token?: string): Promise<{ code: number; text: string }> {
  const settings = token === undefined ? [] : [['http.extraHeader', `Authorization: Basic ${btoa(`berth:${token}`)}`]]
  const env = Object.fromEntries([['GIT_CONFIG_COUNT', String(settings.length)], ...settings.flatMap(([key = '', value = ''], at) => [[`GIT_CONFIG_KEY_${at}`, key], [`GIT_CONFIG_VALUE_${at}`, value]])]) as Record<string, string>
  const child = Bun.spawn(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: root, stdout: 'pipe', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '', HOME: root, GIT_TERMINAL_PROMPT: '0', no_proxy: '*', ...env } })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}
/** The same repository on the address that surely leads to this server. */
const at = ({ url }: { url: string }): string => `${b.server.url}${new URL(url).pathname}`
const made = (name: string, lastsMs?: number): Promise<{ repository: HostedRepository; token: RepositoryToken }> => b.client.createHostedRepository({ name, ...(lastsMs === undefined ? {} : { lastsMs }) })
const listed = async (name: string): Promise<HostedRepository | undefined> => (await b.client.listHostedRepositories()).find((each) => each.name === name)
/** As this server does every hour. */
const collect = async (): Promise<void> => {
  const addresses = Promise.resolve(hostedAddresses({ gitUrl: null, pageUrl: b.server.pageUrl, localUrl: b.server.url }))
  await collectHosted({ store: b.server.store, repositories: createRepositories({ dir: join(b.home, 'repos') }), hosted: { addresses }, clock, log: () => {}, unusedMs: 30 * DAY, graceMs: 7 * DAY })
}
const dirOf = ({ id }: HostedRepository): string => join(b.home, 'repos', `${id}.git`)

it('a password ends by itself, and the branch that came first is what a clone begins with', async () => {
  const { token } = await made('ends', 60_000)
  expect(await git(['push', '-q', at(token), 'HEAD:refs/heads/trunk'], token.token)).toMatchObject({ code: 0 })
  expect((await git(['ls-remote', '--symref', at(token), 'HEAD'], token.token)).text).toContain('ref: refs/heads/trunk\tHEAD')
  aheadMs += 61_000
  expect((await git(['ls-remote', at(token)], token.token)).text).toMatch(/401|Authentication failed|could not read Username/)
})

it('another person of the organisation reads it, and does not write or decide about it; nobody else sees it', async () => {
  const { repository, token } = await made('whose')
  expect(await git(['push', '-q', at(token), 'HEAD:refs/heads/main'], token.token)).toMatchObject({ code: 0 })
  const [member, guest] = [await addPerson(b, { role: 'member' }), await addPerson(b, { role: 'guest' })]
  expect(await git(['ls-remote', at(token)], member.token)).toMatchObject({ code: 0 })
  expect((await git(['push', at(token), 'HEAD:refs/heads/other'], member.token)).code).not.toBe(0)
  expect((await git(['ls-remote', at(token)], guest.token)).code).not.toBe(0)
  expect((await member.client.listHostedRepositories()).map(({ name }) => name)).toContain('whose')
  expect((await guest.client.listHostedRepositories()).map(({ name }) => name)).not.toContain('whose')
  const id = { repositoryId: repository.id as never }
  expect(await member.client.createHostedToken({ ...id, access: 'write' }).catch((error: unknown) => error)).toMatchObject({ code: 'forbidden' })
  expect(await member.client.removeHostedRepository(id).catch((error: unknown) => error)).toMatchObject({ code: 'forbidden' })
  expect(await made('whose').catch((error: unknown) => error)).toMatchObject({ code: 'name_taken' })
})

it('one that nobody uses is said to end, is kept by use, and goes; one with work that nobody has stays', async () => {
  const [idle, used, work] = [await made('idle', 60_000), await made('used', 60_000), await made('work', 60_000)]
  for (const { token } of [idle, used]) expect(await git(['push', '-q', at(token), 'HEAD:refs/heads/main'], token.token)).toMatchObject({ code: 0 })
  // As a workspace's push comes: nobody else is said to have it.
  expect(await git(['push', '-q', dirOf(work.repository), 'HEAD:refs/heads/berth/demo'])).toMatchObject({ code: 0 })
  expect(await listed('work')).toMatchObject({ unfetched: 1, endsAt: null })
  await collect()
  expect(await listed('idle')).toMatchObject({ endsAt: null })
  aheadMs += 31 * DAY
  await collect()
  expect((await listed('idle'))?.endsAt).toBeGreaterThan(clock.now() + 6 * DAY)
  expect(await listed('work')).toMatchObject({ endsAt: null })
  await b.client.keepHostedRepository({ repositoryId: used.repository.id as never })
  expect(await listed('used')).toMatchObject({ endsAt: null })
  aheadMs += 8 * DAY
  await collect()
  expect(await listed('idle')).toBeUndefined()
  expect(existsSync(dirOf(idle.repository))).toBe(false)
  expect([await listed('used'), await listed('work')].map((each) => each?.name)).toEqual(['used', 'work'])
  const { records } = await b.client.listAudit({ action: 'repository.' })
  expect(records.filter(({ actor }) => actor === 'the server').map(({ action, subject }) => [action, subject.split(' ')[0]])).toEqual(expect.arrayContaining([['repository.ending', 'idle'], ['repository.remove', 'idle']]))
  // A person fetches it: then it is theirs to lose.
  expect(await git(['clone', '-q', '--bare', '--depth', '1', at(work.token), 'shallow.git'], b.server.token)).toMatchObject({ code: 0 })
  expect(await listed('work')).toMatchObject({ unfetched: 1 })
  expect(await git(['clone', '-q', '--bare', at(work.token), 'whole.git'], b.server.token)).toMatchObject({ code: 0 })
  expect(await listed('work')).toMatchObject({ unfetched: 0 })
}, 30_000)

it('its owner is told days before it goes, once for one end, and not of one that was kept meanwhile', async () => {
  const device = makeSubscription(`${receiver.url}/push/owner`)
  await b.client.addPushDevice({ name: 'phone', subscription: device.subscription })
  const told = () => receiver.arrived.map((one) => NotifyMessage.parse(JSON.parse(decryptPush(one.body, device)))).filter(({ reason, title }) => reason === 'ending' && /^(?:put-off|unused) /.test(title))
  /** Until nothing is due, or on its way: that is due again within the minute. */
  const delivered = async () => {
    await b.client.changeSettings({ notify: { reminderMs: 0 } })
    while (((await b.server.store.notifications.nextDue()) ?? Infinity) < clock.now() + 2 * 60_000) await Bun.sleep(10)
  }
  const [kept, gone] = [await made('put-off', 60_000), await made('unused', 60_000)]
  aheadMs += 31 * DAY
  // In quiet hours it waits; who keeps it meanwhile is not told of it.
  const minute = new Date(clock.now()).getUTCHours() * 60 + new Date(clock.now()).getUTCMinutes()
  await b.client.changeSettings({ notify: { quiet: { fromMinute: (minute + 1410) % 1440, toMinute: (minute + 30) % 1440, zone: 'UTC' } } })
  await collect()
  await delivered()
  expect(told()).toEqual([])
  await b.client.keepHostedRepository({ repositoryId: kept.repository.id as never })
  await b.client.changeSettings({ notify: { quiet: null, reasons: { 'needs-you': false, 'turn-done': false, failed: false, stopped: false, reminder: false } } })
  aheadMs += 3600_000
  await collect()
  await delivered()
  expect(told()).toEqual([expect.objectContaining({ title: 'unused goes in 7 days', url: '/repositories', decide: null })])
  // The next looks, another server's too, and those days later tell nothing of it again.
  await collect()
  for (const days of [1, 1, 4]) {
    aheadMs += days * DAY
    await b.database.sql`delete from notifications where ${days === 4} and sent_at is not null`
    await collect()
    await delivered()
  }
  expect(told().map(({ title }) => title)).toEqual(['unused goes in 7 days'])
  expect((await listed('unused'))?.endsAt).toBeGreaterThan(clock.now())
  aheadMs += DAY
  await collect()
  expect([existsSync(dirOf(gone.repository)), existsSync(dirOf(kept.repository))]).toEqual([false, true])
}, 60_000)

it('a repository that this database does not know stays while an older backup may be why', async () => {
  const dir = join(b.home, 'repos', 'repo_000000000001.git')
  mkdirSync(dir, { recursive: true })
  await b.server.store.installation.holdReaper('restored')
  await collect()
  expect(existsSync(dir)).toBe(true)
  await b.server.store.installation.releaseReaper()
  await collect()
  expect(existsSync(dir)).toBe(false)
})

it('an address leads to one repository, by its own name or by the page', () => {
  const id = 'repo_0123456789ab' as never
  const own = hostedAddresses({ gitUrl: 'https://git.example.org', pageUrl: 'https://berth.example.org', localUrl: 'http://127.0.0.1:7420' })
  expect(own.urlOf({ id, name: 'ledger' })).toBe('https://git.example.org/repo_0123456789ab/ledger.git')
  expect(own.idAt({ origin: 'https://git.example.org', path: 'repo_0123456789ab/ledger' })).toBe(id)
  expect(own.locally({ origin: 'https://git.example.org', path: 'repo_0123456789ab/ledger' })).toEqual({ origin: 'http://127.0.0.1:7420', path: 'git/repo_0123456789ab/ledger' })
  for (const [origin, path] of [['https://github.com', 'repo_0123456789ab/ledger'], ['https://git.example.org', 'ws_0123456789ab'], ['https://git.example.org', 'repo_0123456789ab/a/b'], ['https://berth.example.org', 'git/repo_0123456789ab/ledger']] as const) expect(own.idAt({ origin, path })).toBeNull()
  expect(own.locally({ origin: 'https://github.com', path: 'a/b' })).toEqual({ origin: 'https://github.com', path: 'a/b' })
  expect(hostedPath('/repo_0123456789ab/ledger.git/info/refs', true)).toEqual({ id: 'repo_0123456789ab', path: '/info/refs' })
  expect(hostedPath('/repo_0123456789ab/ledger.git/info/refs', false)).toBeNull()
  expect(hostedPath('/git/ws_0123456789ab/git-upload-pack', false)).toEqual({ id: 'ws_0123456789ab', path: '/git-upload-pack' })
})
