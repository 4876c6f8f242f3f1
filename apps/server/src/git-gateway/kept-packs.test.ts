/** A pack that several ask for is taken from the host twice, and given to nobody to whom the host would not give it. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openGitWorld } from './testing.ts'
import type { GatewayWorkspace, GitWorld } from './testing.ts'

setDefaultTimeout(60_000)
const KEPT = 'the server had this pack already'
/** What of a file no packing makes smaller. */
const noise = (bytes: number): string => crypto.getRandomValues(new Uint8Array(bytes)).toHex()

let w: GitWorld
let packsAsked = 0
/** Answers of the host end after so many bytes. */
let cutAfter = Infinity
beforeEach(async () => {
  packsAsked = 0
  cutAfter = Infinity
  const send = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    const isPack = init?.body !== undefined && init.body !== null && String(input).endsWith('/git-upload-pack') && new TextDecoder().decode(init.body as Uint8Array<ArrayBuffer>).includes('command=fetch')
    const answer = await fetch(input, init)
    if (!isPack) return answer
    packsAsked += 1
    return cutAfter === Infinity ? answer : new Response((await answer.bytes()).subarray(0, cutAfter), { status: answer.status, headers: { 'content-type': answer.headers.get('content-type') ?? '' } })
  }
  w = await openGitWorld({ fetch: Object.assign(send, { preconnect: fetch.preconnect }), packLimits: { leastBytes: 1000, mostBytes: 100_000, totalBytes: 160_000, aheadMs: 60_000, expectedMs: 60_000 } })
  w.repository('private-own', { 'ledger.txt': 'private-own\n', 'noise.txt': noise(20_000) })
}, 60_000)
afterEach(() => w.close())

const packs = (): string => join(w.root, 'pushes', 'packs')
const kept = (): string[] => (existsSync(packs()) ? readdirSync(packs()) : [])
async function cloned(workspace: GatewayWorkspace, ...more: string[]): Promise<{ dir: string; code: number; text: string }> {
  const dir = join(mkdtempSync(join(w.root, 'clone-')), 'clone')
  return { dir, ...await workspace.git(w.root, 'clone', '-q', ...more, `${w.origin}/private-own.git`, dir) }
}
async function works(workspace: GatewayWorkspace, ...more: string[]): Promise<string> {
  const { dir, code, text } = await cloned(workspace, ...more)
  expect({ code, text }).toEqual({ code: 0, text: '' })
  expect(readFileSync(join(dir, 'ledger.txt'), 'utf8')).toBe('private-own\n')
  expect(await workspace.git(dir, 'fsck', '--full', '--strict')).toMatchObject({ code: 0 })
  return dir
}
/** So that it is kept. */
async function twice(...more: string[]): Promise<void> {
  await works(await w.workspace('first'), ...more)
  await works(await w.workspace('second'), ...more)
}
async function changed(): Promise<void> {
  const dir = mkdtempSync(join(w.root, 'person-'))
  await w.person(dir, 'clone', '-q', `${w.origin}/private-own.git`, '.')
  writeFileSync(join(dir, 'new.txt'), noise(5000))
  await w.person(dir, 'add', '-A')
  await w.person(dir, 'commit', '-qm', 'new')
  expect(await w.person(dir, 'push', '-q', 'origin', 'HEAD:main')).toMatchObject({ code: 0 })
}
const lastReason = async (): Promise<string | null> => (await w.audit()).at(-1)?.reason ?? null

test.each([[[]], [['--depth=1']], [['--filter=blob:none', '--no-checkout']], [['--single-branch', '--bare']]])('the third who asks has it from this server, whole: %j', async (more) => {
  const clone = async (name: string) => expect(await cloned(await w.workspace(name), ...more)).toMatchObject({ code: 0, text: '' })
  await clone('first')
  expect(kept()).toEqual([])
  await clone('second')
  // Without its blobs it is too small to be worth a file.
  const worth = !more.includes('--filter=blob:none')
  expect([packsAsked, kept().length]).toEqual([2, worth ? 1 : 0])
  await clone('third')
  expect([packsAsked, await lastReason()]).toEqual(worth ? [2, KEPT] : [3, null])
  if (worth) expect(statSync(join(packs(), kept()[0] ?? '')).mode & 0o777).toBe(0o600)
  // Refs and a pack, three times, before each of which git looks whether it may come.
  expect((await w.audit()).filter(({ action, allowed }) => action === 'git.fetch' && allowed)).toHaveLength(12)
})

test('many at once have it whole', async () => {
  await twice()
  const before = packsAsked
  await Promise.all(Array.from({ length: 8 }, async (_, at) => works(await w.workspace(`at-once-${at}`))))
  expect(packsAsked).toBe(before)
})

test('after a push it is asked for anew, and a fetch of the rest always is', async () => {
  await twice()
  const early = await w.workspace('early')
  const dir = await works(early)
  expect(packsAsked).toBe(2)
  await changed()
  const late = await works(await w.workspace('late'))
  expect(existsSync(join(late, 'new.txt'))).toBe(true)
  expect(await early.git(dir, 'pull', '-q')).toMatchObject({ code: 0 })
  expect(existsSync(join(dir, 'new.txt'))).toBe(true)
  expect(packsAsked).toBe(4)
})

test('another tag makes it another pack, also where the same commit is wanted', async () => {
  await twice('--single-branch')
  const dir = mkdtempSync(join(w.root, 'person-'))
  await w.person(dir, 'clone', '-q', `${w.origin}/private-own.git`, '.')
  await w.person(dir, 'tag', '-a', 'v1', '-m', 'one')
  expect(await w.person(dir, 'push', '-q', 'origin', 'v1')).toMatchObject({ code: 0 })
  const tagged = await w.workspace('tagged')
  expect((await tagged.git(await works(tagged, '--single-branch'), 'tag')).text).toBe('v1\n')
  expect(packsAsked).toBe(3)
})

test('nobody has it to whom the host shows nothing', async () => {
  await twice()
  const stranger = await w.workspace('stranger', { source: { kind: 'git', url: `${w.origin}/private-other.git` } })
  expect((await cloned(stranger)).code).not.toBe(0)
  expect(packsAsked).toBe(2)
})

test('nor who was not shown the refs, asks for what was not among them, or was shown them long ago', async () => {
  await twice()
  const dir = await works(await w.workspace('third'))
  const head = (await w.person(dir, 'rev-parse', 'HEAD')).text.trim()
  const line = (text: string) => `${(text.length + 5).toString(16).padStart(4, '0')}${text}\n`
  const ask = async (workspace: GatewayWorkspace, body: string) => {
    const answer = await w.ask(workspace.id, new Request(`http://link/upstream/http/127.0.0.1:${w.host.port}/private-own.git/git-upload-pack`, { method: 'POST', headers: { 'content-type': 'application/x-git-upload-pack-request', 'git-protocol': 'version=2' }, body }))
    return { status: answer.status, bytes: (await answer.bytes()).length }
  }
  const refs = `${line('command=ls-refs')}0001${['peel', 'symrefs', 'unborn', 'ref-prefix refs/heads/', 'ref-prefix refs/tags/', 'ref-prefix HEAD'].map(line).join('')}0000`
  const pack = (id: string) => `${line('command=fetch')}0001${['ofs-delta', 'no-progress', `want ${id}`, 'done'].map(line).join('')}0000`
  const tree = (await w.person(dir, 'rev-parse', 'HEAD^{tree}')).text.trim()
  const asking = await w.workspace('asking')
  // The first time, the second, and from here.
  for (let time = 0; time < 3; time += 1) {
    await ask(asking, refs)
    expect((await ask(asking, pack(head))).bytes).toBeGreaterThan(20_000)
  }
  expect([packsAsked, await lastReason()]).toEqual([4, KEPT])
  const unshown = await w.workspace('unshown')
  expect((await ask(unshown, pack(head))).status).toBe(200)
  expect([packsAsked, await lastReason()]).toEqual([5, null])
  for (let time = 0; time < 3; time += 1) {
    await ask(asking, refs)
    await ask(asking, pack(tree))
  }
  expect([packsAsked, await lastReason()]).toEqual([8, null])
  await ask(asking, refs)
  w.pass(59_000)
  await ask(asking, pack(head))
  expect([packsAsked, await lastReason()]).toEqual([8, KEPT])
  w.pass(2000)
  await ask(asking, pack(head))
  expect([packsAsked, await lastReason()]).toEqual([9, null])
})

test('what broke off is not kept', async () => {
  await works(await w.workspace('first'))
  cutAfter = 15_000
  expect((await cloned(await w.workspace('second'))).code).not.toBe(0)
  expect(kept()).toEqual([])
  cutAfter = Infinity
  await works(await w.workspace('third'))
  expect(kept()).toHaveLength(1)
  await works(await w.workspace('fourth'))
  expect([packsAsked, await lastReason()]).toEqual([3, KEPT])
})

test('what nobody used for a week goes, and what a server left that was ended while it wrote', async () => {
  mkdirSync(packs(), { recursive: true })
  const old = new Date(Date.now() - 8 * 24 * 3600_000)
  for (const [name, at] of [['a'.repeat(64), old], ['b'.repeat(64), new Date()], [`${'c'.repeat(64)}.half.part`, new Date()]] as const) {
    writeFileSync(join(packs(), name), 'x')
    utimesSync(join(packs(), name), at, at)
  }
  await works(await w.workspace('first'))
  expect(kept()).toEqual(['b'.repeat(64)])
})

test('where it cannot be kept, it is given all the same', async () => {
  await works(await w.workspace('first'))
  mkdirSync(join(w.root, 'pushes'), { recursive: true })
  writeFileSync(packs(), 'in its way')
  for (const name of ['second', 'third']) await works(await w.workspace(name))
  expect(packsAsked).toBe(3)
  // And kept as soon as that is over.
  rmSync(packs())
  for (const name of ['fourth', 'fifth']) await works(await w.workspace(name))
  expect([packsAsked, await lastReason()]).toEqual([4, KEPT])
})

test('what is too large is not kept, and of too much the longest unused goes', async () => {
  w.repository('large', { 'noise.txt': noise(200_000) })
  const large = await w.workspace('large', { source: { kind: 'git', url: `${w.origin}/large.git` } })
  for (let time = 0; time < 3; time += 1) expect(await large.git(w.root, 'clone', '-q', '--bare', `${w.origin}/large.git`, mkdtempSync(join(w.root, 'large-')))).toMatchObject({ code: 0 })
  expect([packsAsked, kept()]).toEqual([3, []])
  for (const name of ['a', 'b', 'c']) {
    w.repository(name, { 'noise.txt': noise(60_000) })
    const workspace = await w.workspace(`of-${name}`, { source: { kind: 'git', url: `${w.origin}/${name}.git` } })
    for (let time = 0; time < 2; time += 1) expect(await workspace.git(w.root, 'clone', '-q', '--bare', `${w.origin}/${name}.git`, mkdtempSync(join(w.root, 'small-')))).toMatchObject({ code: 0 })
  }
  expect(kept()).toHaveLength(2)
  const again = await w.workspace('again', { source: { kind: 'git', url: `${w.origin}/c.git` } })
  expect(await again.git(w.root, 'clone', '-q', '--bare', `${w.origin}/c.git`, mkdtempSync(join(w.root, 'small-')))).toMatchObject({ code: 0 })
  expect(await lastReason()).toBe(KEPT)
})
