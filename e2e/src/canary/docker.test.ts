/**
 * The same in a container: as the agent's user, and as root where a person gave that. Root has its own machine's link
 * token, so that is taken elsewhere too: it opens nothing that is not that workspace's own.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds, type Approval, type EventBody, type SessionId, type StoredEvent, type Workspace } from '@berth/wire'
import { LINK_CLOSE } from '@berth/wire/daemon'
import { API_PREFIX, routes } from '@berth/wire/routes'
import { AS_ROOT, tell } from './hunt.ts'
import { dial, type Stolen, type StolenLink } from './stolen-link.ts'
import { startCanaryWorld, type CanaryWorld } from './world.ts'

const UP_MS = 400_000
/** In the neighbour's code, and of nobody else. */
const MARK = `mark-${randomBytes(12).toString('hex')}`
let world: CanaryWorld
let neighbour: Workspace
let rooted: Workspace
let archived: Workspace
let stolen: Stolen
let dir = ''

const inside = async (name: string, ...argv: string[]): Promise<string> => (await world.at.product.cli(['run', name, '--', ...argv])).stdout
const asked = async <T>(path: string): Promise<T> => await (await world.at.product.fetch(`${API_PREFIX}${path}`)).json() as T
async function tokenOf({ id }: Workspace): Promise<string> {
  const engine = async (args: readonly string[]): Promise<string> => await new Response(Bun.spawn(['docker', ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' }).stdout).text()
  const container = (await engine(['ps', '-q', '--filter', `label=dev.berth.workspace=${id}`])).trim()
  return (JSON.parse(await engine(['exec', '--user', 'root', container, 'cat', '/var/lib/berth/link-token.json'])) as { linkToken: string }).linkToken
}
/** As its own machine, which it is: what is refused afterwards is refused to a link that stands. */
async function own(): Promise<StolenLink> {
  const link = await dial(stolen, { workspaceId: rooted.id, generation: 1 })
  if (typeof link === 'number') throw new Error(`closed with ${link}`)
  return link
}

beforeAll(async () => {
  world = await startCanaryWorld()
  dir = mkdtempSync(join(tmpdir(), 'berth-archived-'))
  writeFileSync(join(dir, 'file'), MARK)
  neighbour = await world.up('neighbour', ['--provider', 'docker'], 'other')
  rooted = await world.up('rooted', ['--provider', 'docker', '--sudo'])
  archived = await world.at.product.json<Workspace>(['up', dir, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'archived', '-y', '--no-open'])
  await inside('neighbour', 'sh', '-c', `echo ${MARK} > mark && git checkout -q -b ${MARK} && git add mark && git -c user.name=a -c user.email=a@example.org commit -qm ${MARK}`)
  expect([neighbour, rooted].map(({ exposures }) => exposures)).toEqual([[], []])
  stolen = { linkUrl: world.urls().linkUrl, token: await tokenOf(rooted) }
}, UP_MS)
afterAll(async () => {
  await world?.close()
  rmSync(dir, { recursive: true, force: true })
}, 120_000)

test('in a container the agent comes to no secret', async () => {
  const { finds, places, bytes } = await world.hunt('neighbour', { secrets: { 'link token': await tokenOf(neighbour), 'link token of another': stolen.token } })
  expect(tell(finds)).toBe('nothing')
  for (const own of [/^memory \d+ sleep/, /^file \/workspace\/README\.md/, /^gateway model POST \/v1\/messages \(200\)/, /^gateway git GET northquay\/other\.git\/info\/refs\?service=git-upload-pack \(200\)/]) expect(places.filter((place) => own.test(place))).not.toEqual([])
  // Nothing listens for it: no metadata, no host, no server.
  expect(places.filter((place) => place.startsWith('network'))).toEqual([])
  expect(bytes).toBeGreaterThan(100_000)
}, UP_MS)

test('where a person puts a token into a container, the same search finds it', async () => {
  const token = `ghp_${randomBytes(24).toString('base64url')}`
  await world.up('control', ['--provider', 'docker', '--env', `GITHUB_TOKEN=${token}`])
  const { finds } = await world.hunt('control', { secrets: { plain: token } })
  expect(finds.filter(({ name }) => name !== 'plain')).toEqual([])
  expect(finds.some(({ from }) => /^environment \d+ sleep$/.test(from))).toBe(true)
}, UP_MS)

test('where a person puts a token into a container, root in it finds it by the same search', async () => {
  const token = `ghp_${randomBytes(24).toString('base64url')}`
  await world.up('control-root', ['--provider', 'docker', '--sudo', '--env', `GITHUB_TOKEN=${token}`])
  const { finds } = await world.hunt('control-root', { by: AS_ROOT, secrets: { plain: token } })
  expect(finds.filter(({ name }) => name !== 'plain')).toEqual([])
  // In what root starts itself: it traces nobody else's programs.
  expect(finds.some(({ from }) => /^environment \d+ sh$/.test(from))).toBe(true)
}, UP_MS)

test('as root in its container the agent comes to no secret but the token of its own link', async () => {
  const { finds, places } = await world.hunt('rooted', { by: AS_ROOT, secrets: { 'link token': stolen.token } })
  expect(tell(finds.filter(({ name }) => name !== 'link token'))).toBe('nothing')
  // It was root indeed: it has the daemon's own file and memory.
  expect(finds.some(({ from }) => /^file \/var\/lib\/berth\/.*link-token\.json$/.test(from))).toBe(true)
  expect(places.filter((place) => /^memory \d+ berth-daemon/.test(place))).not.toEqual([])
  expect(places.filter((place) => place.startsWith('network') || /docker\.sock|containerd/.test(place))).toEqual([])
}, UP_MS)

test('with the token of a link nobody is another machine', async () => {
  for (const as of [{ workspaceId: neighbour.id, generation: 1 }, { workspaceId: archived.id, generation: 1 }, { workspaceId: rooted.id, generation: 2 }, { workspaceId: rooted.id, generation: 0 }]) {
    expect([as, await dial(stolen, as)]).toEqual([as, LINK_CLOSE.rejected])
  }
  const link = await own()
  expect(link.assignment).toContain(rooted.id)
  for (const { id } of [neighbour, archived]) expect(link.assignment).not.toContain(id)
  await link.close()
}, UP_MS)

test('with the token of a link nobody comes to the repository, archive, git host or model of another workspace', async () => {
  const refs = 'info/refs?service=git-upload-pack'
  const { commit } = await (await world.at.product.fetch(`${API_PREFIX}/workspaces/${neighbour.id}/publish`, { method: 'POST', body: '{}' })).json() as { commit: string }
  // Control: there is something to be had.
  expect(await (await world.at.product.fetch(`/git/${neighbour.id}/${refs}`)).text()).toContain(commit)
  const link = await own()
  const host = new URL(world.at.github.url).host
  const named = { 'x-berth-workspace': neighbour.id, host: neighbour.id, 'x-workspace-id': neighbour.id }
  const spent = async (): Promise<unknown> => (await asked<Workspace>(`/workspaces/${neighbour.id}`)).usage
  const before = await spent()
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 5, messages: [{ role: 'user', content: '[[say x]]' }] })

  for (const path of [`/git/${refs}`, `/upstream/http/${host}/northquay/ledger.git/${refs}`]) {
    const answer = await link.ask('GET', path, named)
    expect([path, answer.status, answer.text.includes(commit), answer.text.includes(MARK)]).toEqual([path, 200, false, false])
  }
  expect((await link.ask('POST', '/model/anthropic/v1/messages', { ...named, 'content-type': 'application/json' }, body)).status).toBe(200)
  const refused = await Promise.all([
    ['GET', `/git/${neighbour.id}/${refs}`], ['GET', `/git/../git/${neighbour.id}/${refs}`], ['GET', `/git/%2e%2e/${neighbour.id}/${refs}`], ['GET', `/git/..%2f${neighbour.id}/${refs}`], ['POST', `/git/${neighbour.id}/git-upload-pack`], ['POST', `/git/${neighbour.id}/git-receive-pack`],
    ['GET', `/upstream/http/${host}/northquay/other.git/${refs}`], ['GET', `/upstream/http/${host}/northquay/other.git/info/refs?service=git-receive-pack`], ['POST', `/upstream/http/${host}/northquay/other.git/git-upload-pack`], ['GET', `/upstream/http/${host}/northquay/ledger.git/../other.git/${refs}`],
    ['POST', `/model/${neighbour.id}/anthropic/v1/messages`], ['POST', `/${neighbour.id}/model/anthropic/v1/messages`],
    ['GET', '/source/archive'], ['GET', `/source/archive?workspace=${archived.id}`], ['GET', `/source/archive/${archived.id}`], ['GET', `/source/${archived.id}/archive`], ['GET', `${API_PREFIX}/workspaces/${archived.id}/archive`],
    ['GET', `${API_PREFIX}/workspaces/${neighbour.id}/events`], ['GET', `${API_PREFIX}/approvals`],
  ].map(async ([method = '', path = '']) => ({ method, path, ...await link.ask(method, path, named, method === 'POST' ? body : undefined) })))
  expect(refused.filter(({ status, text }) => status < 400 || status >= 500 || text.includes(commit) || text.includes(MARK))).toEqual([])
  expect(await spent()).toEqual(before)
  await link.close()
}, UP_MS)

test('with the token of a link nobody asks or answers for another workspace', async () => {
  const link = await own()
  const { events: last } = await asked<{ events: StoredEvent[] }>(`/workspaces/${neighbour.id}/events?after=0&limit=1000`)
  const sessionId = last.map(({ body }) => (body as { sessionId?: SessionId }).sessionId).find((id) => id !== undefined)
  if (sessionId === undefined) throw new Error('the neighbour has no session')
  const ask = { approvalId: randomIds.approval(), sessionId, kind: 'permission', tool: 'Bash', title: MARK, toolCallId: null, input: { command: MARK }, cwd: null, contentHash: '0'.repeat(64) } as const
  const forged: EventBody[] = [{ type: 'message', sessionId, messageId: 'm', role: 'agent', text: MARK }, { type: 'approval.asked', ask }]
  expect(await link.upload(link.epoch, forged)).toBe('ack')
  // What it says of a session that is not its own is said in its own workspace, and of no consequence elsewhere.
  const { events } = await asked<{ events: StoredEvent[] }>(`/workspaces/${neighbour.id}/events?after=0&limit=1000`)
  expect(events.map(({ id }) => id)).toEqual(last.map(({ id }) => id))
  const approvals = await asked<Approval[]>('/approvals?all=true')
  expect(approvals.filter(({ workspaceId }) => workspaceId !== rooted.id)).toEqual([])
  // The neighbour's own epoch is not the link's.
  expect(await link.upload(link.epoch + 1, forged)).toBe(LINK_CLOSE.fenced)
}, UP_MS)

test('with the token of a link nobody is a person', async () => {
  const { url, linkUrl } = world.urls()
  const filled = (path: string): string => path.replace('{id}', path.startsWith('/workspaces/') ? neighbour.id : randomIds.approval()).replace(/\{\w+\}/g, 'x')
  const status = async (path: string, method: string, headers: Record<string, string>): Promise<number> => (await fetch(new URL(path, url), { method, redirect: 'manual', headers: { 'content-type': 'application/json', ...headers }, ...(method === 'GET' ? {} : { body: '{}' }) })).status
  const ways: Record<string, string>[] = [{ authorization: `Bearer ${stolen.token}` }, { authorization: `Basic ${btoa(`x:${stolen.token}`)}` }, { cookie: `berth=${stolen.token}; berth_session=${stolen.token}; __Host-berth=${stolen.token}` }]
  const beside = ['GET stream?offset=-1', 'GET archive', 'PUT archive'].map((one) => one.replace(' ', ` /workspaces/${neighbour.id}/`))
  const open: string[] = []
  for (const route of [...Object.values(routes), ...beside]) {
    const [method = '', path = ''] = route.split(' ')
    const answers = await Promise.all(ways.map((headers) => status(API_PREFIX + filled(path), method, headers)))
    if (answers.some((answer) => answer !== 401)) open.push(route)
  }
  // Which anybody may ask.
  expect(open.sort()).toEqual(['GET /health', 'POST /device-logins', 'POST /device-logins/token'])
  for (const headers of ways) expect(await status(`/git/${neighbour.id}/info/refs?service=git-upload-pack`, 'GET', headers)).toBe(401)
  // And the listener of the links has none of it.
  for (const path of [`${API_PREFIX}/workspaces`, `/git/${neighbour.id}/info/refs?service=git-upload-pack`, '/source/archive']) expect((await fetch(new URL(path, linkUrl), { headers: ways[0] ?? {} })).status).toBe(404)
}, UP_MS)

test('the token of a link ends with its machine', async () => {
  const as = { workspaceId: rooted.id, generation: 1 }
  // What stands when its machine is stopped does not go on without it.
  const held = await own()
  await world.at.product.cli(['stop', 'rooted', '--wait'])
  expect(await held.closed).toBe(LINK_CLOSE.rejected)
  expect(await dial(stolen, as)).toBe(LINK_CLOSE.rejected)
  // The machine itself is let in again.
  expect(await world.at.product.json<Workspace>(['start', 'rooted'])).toMatchObject({ phase: 'running' })
  expect(await inside('rooted', 'echo', 'works')).toBe('works\n')
  await world.at.product.cli(['delete', 'rooted', '-y'])
  expect(await dial(stolen, as)).toBe(LINK_CLOSE.rejected)
}, UP_MS)
