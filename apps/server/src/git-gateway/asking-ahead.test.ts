/** What a workspace will clone is taken from its host once, before it asks, and given to nobody to whom the host would not give it. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import type { CodeSource } from '@berth/wire'
import { openGitWorld } from './testing.ts'
import type { GatewayWorkspace, GitWorld } from './testing.ts'

setDefaultTimeout(60_000)
const KEPT = 'the server had this pack already'
const AHEAD = 'the server asked ahead'
const LIMITS = { leastBytes: 1000, mostBytes: 10_000_000, totalBytes: 20_000_000, aheadMs: 60_000, expectedMs: 60_000 }
/** What of a file no packing makes smaller. */
const noise = (bytes: number): string => Array.from({ length: Math.ceil(bytes / 50_000) }, () => crypto.getRandomValues(new Uint8Array(25_000)).toHex()).join('').slice(0, bytes)

let w: GitWorld
/** Requests at the host. */
let asked: { refs: number; packs: number }
/** What becomes of the host's next pack; it is as it comes where there is none. */
let turns: ((answer: Response) => Response | Promise<Response>)[]
/** The same of its next refs. */
let refsTurns: ((answer: Response) => Promise<Response>)[]
/** The host gives packs without contents of files. */
let filters: boolean

async function open(limits: Partial<typeof LIMITS> = {}): Promise<void> {
  const send = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    const body = init?.body === undefined || init.body === null ? '' : new TextDecoder().decode(init.body as Uint8Array<ArrayBuffer>)
    const answer = await fetch(input, init)
    if (body.includes('command=ls-refs')) {
      asked.refs += 1
      return await refsTurns.shift()?.(answer) ?? answer
    }
    if (String(input).includes('/info/refs') && !filters) return new Response((await answer.text()).replace(' filter', ' fitler'), answer)
    if (!body.includes('command=fetch')) return answer
    asked.packs += 1
    return turns.shift()?.(answer) ?? answer
  }
  w = await openGitWorld({ fetch: Object.assign(send, { preconnect: fetch.preconnect }), packLimits: { ...LIMITS, ...limits } })
  w.repository('private-own', { 'ledger.txt': 'private-own\n', 'deep/noise.txt': noise(2_000_000) })
}
beforeEach(async () => {
  asked = { refs: 0, packs: 0 }
  turns = []
  refsTurns = []
  filters = false
  await open()
}, 60_000)
afterEach(() => w.close())

const packs = (): string => join(w.root, 'pushes', 'packs')
const kept = (): string[] => (existsSync(packs()) ? readdirSync(packs()) : [])
const sourceOf = (name: string, more: { branch?: string } = {}): CodeSource => ({ kind: 'git', url: `${w.origin}/${name}.git`, ...more })
/** In the words of the daemon. */
async function cloned(workspace: GatewayWorkspace, { repository = 'private-own', more = [] as string[] } = {}): Promise<{ dir: string; code: number; text: string }> {
  const dir = mkdtempSync(join(w.root, 'clone-'))
  return { dir, ...await workspace.git(dir, 'clone', '--filter=blob:none', ...more, '--', `${w.origin}/${repository}.git`, '.') }
}
async function works(workspace: GatewayWorkspace, how?: Parameters<typeof cloned>[1]): Promise<string> {
  const { dir, code, text } = await cloned(workspace, how)
  expect({ code, text }).toMatchObject({ code: 0 })
  expect(await workspace.git(dir, 'fsck', '--full')).toMatchObject({ code: 0 })
  expect(await workspace.git(dir, 'status', '--porcelain')).toEqual({ code: 0, text: '' })
  return dir
}
const reasons = async (workspace: GatewayWorkspace): Promise<(string | null)[]> => (await w.audit()).filter(({ workspaceId, action }) => workspaceId === workspace.id && action === 'git.fetch').map(({ reason }) => reason)
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await Bun.sleep(5)
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

/** An answer that stops after so many bytes until it is let go on, or told to break off. */
function held(after: number) {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  let given = 0
  let cancelled = false
  const turn = (answer: Response): Response => {
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    let rest: Uint8Array = new Uint8Array(0)
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (rest.length === 0) {
          const next = await reader.read()
          if (next.done) return controller.close()
          rest = next.value
        }
        if (given >= after) await promise
        const piece = given < after ? rest.subarray(0, after - given) : rest
        rest = rest.subarray(piece.length)
        given += piece.length
        controller.enqueue(piece.slice())
      },
      cancel(reason) {
        cancelled = true
        resolve()
        return reader.cancel(reason)
      },
    }, { highWaterMark: 0 })
    return new Response(body, { status: answer.status, headers: { 'content-type': answer.headers.get('content-type') ?? '' } })
  }
  return { turn, goOn: resolve, breakOff: () => reject(new Error('the host went away')), isReached: () => given >= after, isCancelled: () => cancelled }
}

const pkt = (text: string): string => `${(text.length + 5).toString(16).padStart(4, '0')}${text}\n`
/** A request of a git that nobody of here wrote. */
function post(workspace: GatewayWorkspace, body: string): Promise<Response> {
  return w.ask(workspace.id, new Request(`http://link/upstream/http/127.0.0.1:${w.host.port}/private-own.git/git-upload-pack`, { method: 'POST', headers: { 'content-type': 'application/x-git-upload-pack-request', 'git-protocol': 'version=2' }, body }))
}
const REFS = `${pkt('command=ls-refs')}${pkt('object-format=sha1')}0001${['peel', 'symrefs', 'unborn', 'ref-prefix HEAD', 'ref-prefix refs/heads/', 'ref-prefix refs/tags/'].map(pkt).join('')}0000`
const packOf = (id: string): string => `${pkt('command=fetch')}${pkt('object-format=sha1')}0001${['ofs-delta', 'thin-pack', 'no-progress', `want ${id}`, 'done'].map(pkt).join('')}0000`
const tip = (): string => w.refs('private-own')['refs/heads/main'] ?? ''

test.each([[false, 1], [true, 2]])('a first clone has all of it from this server, which asked the host once: with files apart %p, %i packs', async (apart, count) => {
  filters = apart
  const first = await w.workspace('first')
  await w.ahead(first.id)
  expect([asked.packs, kept().length]).toEqual([count, count])
  const dir = await works(first)
  expect(readFileSync(join(dir, 'ledger.txt'), 'utf8')).toBe('private-own\n')
  expect(asked.packs).toBe(count)
  // Refs and packs; before each of its own git looks whether it may come.
  expect(await reasons(first)).toEqual([...times(count + 1, AHEAD), ...times(3, null), KEPT, ...(apart ? [null, KEPT] : [])])
  // And whoever comes later has it, and is not asked ahead for anew.
  const second = await w.workspace('second')
  await w.ahead(second.id)
  await works(second)
  expect([asked.packs, (await reasons(second)).filter((reason) => reason !== null)]).toEqual([count, times(count, KEPT)])
})

test('the files of the branch that is asked for are those that git asks for, and its links and submodules are no matter', async () => {
  filters = true
  const dir = mkdtempSync(join(w.root, 'person-'))
  await w.person(dir, 'clone', '-q', `${w.origin}/private-own.git`, '.')
  await w.person(dir, 'checkout', '-qb', 'other')
  for (const [name, text] of [['.gitattributes', '*.txt text\n'], ['other.txt', noise(5000)], ['again.txt', 'private-own\n'], ['with space é.txt', 'x\n']] as const) writeFileSync(join(dir, name), text)
  await w.person(dir, 'add', '-A')
  await w.person(dir, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module`)
  await w.person(dir, 'commit', '-qm', 'other')
  await w.person(dir, 'tag', '-am', 'one', 'v1')
  expect(await w.person(dir, 'push', '-q', 'origin', 'other', 'v1')).toMatchObject({ code: 0 })
  for (const branch of ['other', 'v1']) {
    const workspace = await w.workspace(`of-${branch}`, { source: sourceOf('private-own', { branch }) })
    await w.ahead(workspace.id)
    const before = asked.packs
    // The second has its commits here already, and its files.
    expect(before).toBe(2)
    expect(existsSync(join(await works(workspace, { more: ['--branch', branch, '-c', 'advice.detachedHead=false'] }), 'other.txt'))).toBe(true)
    expect(asked.packs).toBe(before)
  }
})

test.each([[false], [true]])('a clone that comes while it is written joins it: with files apart %p', async (apart) => {
  filters = apart
  const gate = held(apart ? 20 : 100_000)
  turns = [gate.turn]
  const [first, second] = [await w.workspace('first'), await w.workspace('second')]
  const ahead = w.ahead(first.id)
  await until(gate.isReached)
  const clones = [works(first), works(second)]
  await until(async () => (await reasons(first)).includes(KEPT) && (await reasons(second)).includes(KEPT))
  expect(asked.packs).toBe(1)
  gate.goOn()
  await Promise.all([ahead, ...clones])
  expect([asked.packs, kept().length]).toEqual(apart ? [2, 2] : [1, 1])
})

test('a clone that is faster than the server waits for what it is about to ask', async () => {
  const shown = Promise.withResolvers<void>()
  refsTurns = [async (answer) => {
    await shown.promise
    return answer
  }]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(() => asked.refs === 1)
  await (await post(first, REFS)).bytes()
  const pack = post(first, packOf(tip())).then((answer) => answer.bytes())
  // Its question is read by now, and nobody was asked.
  await Bun.sleep(100)
  expect(asked).toEqual({ refs: 2, packs: 0 })
  shown.resolve()
  expect((await pack).length).toBeGreaterThan(1_000_000)
  await ahead
  expect(asked.packs).toBe(1)
})

test('who leaves does not end it, and who is slow does not hold it up', async () => {
  const gate = held(100_000)
  turns = [gate.turn]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(gate.isReached)
  const [slow, leaving] = [await post(first, packOf(tip())), await post(first, packOf(tip()))]
  await leaving.body?.cancel()
  gate.goOn()
  await ahead
  expect(kept()).toHaveLength(1)
  expect((await slow.bytes()).length).toBeGreaterThan(1_000_000)
  expect(asked.packs).toBe(1)
})

test('what fails before its first byte is asked for as ever', async () => {
  const answered = Promise.withResolvers<void>()
  turns = [async () => {
    await answered.promise
    return new Response('not today', { status: 503 })
  }]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(() => asked.packs === 1)
  const pack = post(first, packOf(tip())).then((answer) => answer.bytes())
  // Its question is read by now, and waits for what is under way.
  await Bun.sleep(100)
  expect(asked.packs).toBe(1)
  answered.resolve()
  expect((await pack).length).toBeGreaterThan(1_000_000)
  await ahead
  expect([asked.packs, kept(), (await reasons(first)).at(-1)]).toEqual([2, [], null])
  await works(first)
})

test('what breaks off later ends the clone that reads it, is not kept, and can be asked for again', async () => {
  const gate = held(100_000)
  turns = [gate.turn]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(gate.isReached)
  const clone = cloned(first)
  await until(async () => (await reasons(first)).includes(KEPT))
  const raw = (await post(first, packOf(tip()))).bytes().then(() => 'whole', () => 'broken off')
  gate.breakOff()
  expect([(await clone).code === 0, await raw]).toEqual([false, 'broken off'])
  await ahead
  expect([asked.packs, kept()]).toEqual([1, []])
  await works(first)
  expect(asked.packs).toBe(2)
})

test('nobody has it to whom the host shows nothing, or has not shown it a moment ago', async () => {
  const gate = held(100_000)
  turns = [gate.turn]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(gate.isReached)
  const stranger = await w.workspace('stranger', { source: sourceOf('private-other') })
  const unshown = await w.workspace('unshown')
  expect((await cloned(stranger)).code).not.toBe(0)
  const refused = await post(stranger, packOf(tip()))
  expect([refused.status, (await refused.text()).includes('PACK')]).toEqual([400, false])
  const unseen = await post(unshown, packOf(tip()))
  expect([unseen.status, await reasons(unshown), asked.packs]).toEqual([200, [null], 3])
  await unseen.bytes()
  await (await post(unshown, REFS)).bytes()
  const seen = await post(unshown, packOf(tip()))
  expect([seen.status, (await reasons(unshown)).at(-1), asked.packs]).toEqual([200, KEPT, 3])
  gate.goOn()
  await Promise.all([seen.bytes(), ahead])
})

test('what is too large is given whole to who reads it, by one request, and not kept; where nobody reads, the host is let go', async () => {
  await w.close()
  await open({ mostBytes: 500_000 })
  const [read, unread] = [held(100_000), held(100_000)]
  turns = [read.turn, unread.turn]
  const [first, second] = [await w.workspace('first'), await w.workspace('second')]
  const ahead = w.ahead(first.id)
  await until(read.isReached)
  const clones = [works(first), works(second)]
  await until(async () => (await reasons(first)).includes(KEPT) && (await reasons(second)).includes(KEPT))
  read.goOn()
  await Promise.all([ahead, ...clones])
  expect([asked.packs, kept()]).toEqual([1, []])
  const other = await w.workspace('other', { source: sourceOf('private-own', { branch: 'main' }) })
  const again = w.ahead(other.id)
  await until(unread.isReached)
  unread.goOn()
  await again
  expect([asked.packs, unread.isCancelled(), kept()]).toEqual([2, true, []])
})

test('a host that does not go on is let go after a time, but not while somebody reads', async () => {
  await w.close()
  await open({ aheadMs: 4000 })
  const [read, unread] = [held(100_000), held(100_000)]
  turns = [read.turn, unread.turn]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(read.isReached)
  const reading = await post(first, packOf(tip()))
  expect((await reasons(first)).at(-1)).toBe(KEPT)
  await Bun.sleep(4100)
  read.goOn()
  await Promise.all([ahead, reading.bytes()])
  expect([asked.packs, kept().length]).toEqual([1, 1])
  w.repository('private-slow', { 'noise.txt': noise(500_000) })
  await w.ahead((await w.workspace('slow', { source: sourceOf('private-slow') })).id)
  expect([unread.isReached(), unread.isCancelled(), kept().length]).toEqual([true, true, 1])
})

test('hundreds at once are one question, few repositories are asked for at once, and none twice within a minute', async () => {
  const gates = times(5, 0).map(() => held(1000))
  turns = gates.map(({ turn }) => turn)
  const many = await Promise.all(Array.from({ length: 100 }, (_, at) => w.workspace(`many-${at}`)))
  // Another branch of it is no other repository.
  const aheads = [...many, await w.workspace('branch', { source: sourceOf('private-own', { branch: 'main' }) })].map(({ id }) => w.ahead(id))
  for (const name of ['a', 'b', 'c', 'd']) {
    w.repository(name, { 'noise.txt': noise(100_000) })
    aheads.push(w.ahead((await w.workspace(`of-${name}`, { source: sourceOf(name) })).id))
  }
  await until(() => gates.filter((gate) => gate.isReached()).length === 3)
  for (const gate of gates) gate.goOn()
  await Promise.all(aheads)
  expect(asked).toEqual({ refs: 3, packs: 3 })
  await Promise.all(many.map(({ id }) => w.ahead(id)))
  expect(asked).toEqual({ refs: 3, packs: 3 })
})

test('of what is not led as it is, nothing is asked, noted or said', async () => {
  const rows = (await w.audit()).length
  for (const [name, over] of [
    ['unnamed', { source: { kind: 'git', url: 'http://127.0.0.1:1/who.git' } }], ['nowhere', { source: { kind: 'git', url: 'file:///srv/code.git' } }],
    ['empty', { source: { kind: 'empty' } }],
  ] as const) await w.ahead((await w.workspace(name, over)).id)
  // Its disk comes from elsewhere.
  await w.ahead((await w.workspace('restored')).id, { restore: { savedId: randomIds.saved(), generation: 1, sessions: [], branch: null } })
  expect([asked, (await w.audit()).length]).toEqual([{ refs: 0, packs: 0 }, rows])
})

test('an ending server leaves nothing half written', async () => {
  const gate = held(100_000)
  turns = [gate.turn]
  const first = await w.workspace('first')
  const ahead = w.ahead(first.id)
  await until(gate.isReached)
  expect(kept()).toEqual([expect.stringMatching(/\.part$/)])
  await w.stop()
  await ahead
  expect([kept(), gate.isCancelled()]).toEqual([[], true])
  // Nor is anything begun after that.
  await w.ahead((await w.workspace('late', { source: sourceOf('private-own', { branch: 'main' }) })).id)
  expect(asked.packs).toBe(1)
  await works(first)
})
