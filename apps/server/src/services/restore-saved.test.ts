/** What was said of a workspace holds for what is made of its saved state, here and on another server. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Identity, SavedRow } from '@berth/core'
import { createDirectoryFiles, opened, sealed } from '@berth/store'
import { openTestDatabase, TEST_MASTER_KEY, type TestDatabase } from '@berth/store/testing'
import { randomIds } from '@berth/wire'
import { GitPolicy } from '@berth/wire/git-policy'
import { RestoreRequest, type SavedKind } from '@berth/wire/saved'
import { createSaving, type StateSaving } from '../saved/saving.ts'
import { createStateBytes } from '../saved/state-bytes.ts'
import { restoreSaved } from './restore-saved.ts'
import type { SavedDeps } from './saved.ts'

const NOW = 1_800_000_000_000
const EGRESS = { mode: 'allowlist' as const, allow: ['git.example'], deny: ['bad.example'] }
const GIT = GitPolicy.parse({ profile: 'protected', branch: 'release', maxFileBytes: 1000, repositories: [{ url: 'https://git.example/o/r', access: 'read' }] })
/** As a machine sends one: the memory of its daemon, and an archive. */
const STATE = Buffer.concat([new Uint8Array(4), Bun.zstdCompressSync(new Uint8Array(1024))])
async function* sent(): AsyncGenerator<Uint8Array> { yield STATE }

interface Server { readonly database: TestDatabase; readonly saving: StateSaving; readonly deps: SavedDeps; readonly owner: Identity }
const dir = mkdtempSync(join(tmpdir(), 'berth-restore-'))
const bytes = createStateBytes({
  files: createDirectoryFiles({ dir }),
  sealing: { seal: (source, id) => sealed(source, { id, masterKey: TEST_MASTER_KEY, random: (size) => crypto.getRandomValues(new Uint8Array(size)) }), open: (source) => opened(source, TEST_MASTER_KEY) },
})
let here: Server
let there: Server
beforeAll(async () => { [here, there] = [await start(), await start()] }, 60_000)
afterAll(async () => {
  for (const { saving, database } of [here, there]) {
    await saving.stop()
    await database.close()
  }
  rmSync(dir, { recursive: true, force: true })
})

async function start(): Promise<Server> {
  const database = await openTestDatabase()
  const { store } = database
  const { orgId, userId } = await store.access.bootstrap(NOW)
  const owner: Identity = { tokenId: randomIds.token(), userId, userName: 'Ana', orgId, kind: 'cli', role: 'owner', scope: 'all' }
  const clock = { now: () => NOW }
  const saving = createSaving({ store, daemons: { connected: () => false, call: () => Promise.reject(new Error('no machine')) }, bytes, clock, poke: () => {}, log: () => {} })
  const local = { name: 'local', setEgress: async () => {} }
  const deps = {
    store, clock, saving, stateBytes: bytes, keepBackupsMs: 1000, pageUrl: 'http://berth.test', gate: { may: async () => true }, poke: () => {}, upSince: () => NOW, origins: { of: () => null },
    providers: { all: () => [local], get: () => local, defaultName: async () => 'local', check: async () => ({ ok: true, isolation: 'container', can: [] }) },
    costLimits: { admit: (_: unknown, work: () => Promise<unknown>) => work() },
  } as unknown as SavedDeps // what a restore asks of them is above
  return { database, saving, deps, owner }
}

/** A workspace of which both were said, and its saved state. */
async function savedOf({ database: { store }, saving, owner }: Server, kind: SavedKind, said: { egress: boolean; git: boolean }): Promise<SavedRow> {
  const [id, name] = [randomIds.workspace(), `demo-${crypto.randomUUID().slice(0, 8)}`]
  await store.createWorkspace({
    id, orgId: owner.orgId, creatorId: owner.userId, name, repository: 'r', branch: null, source: { kind: 'git', url: 'https://git.example/o/own' }, sourceReady: true, provider: 'local', image: null, resources: {}, agent: 'plain',
    command: null, services: [], approvalMode: 'ask', acceptNoIsolation: true, sessionId: randomIds.session(), exposures: [], autoStopMs: 0, steps: [], secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null,
  }, NOW)
  if (said.egress) await store.egress.change(id, () => EGRESS, NOW)
  if (said.git) await store.gitPolicies.put(id, GIT, NOW)
  const record = await store.getWorkspace(id)
  if (record === null) throw new Error('it was made just now')
  const { id: savedId } = await saving.start(record, { kind, name: kind === 'template' ? name : null, expiresAt: null, by: owner.userId })
  const row = await store.saved.get(savedId)
  if (row === null) throw new Error('it was written just now')
  const { sizeBytes, sha256 } = await bytes.receive(savedId, row.manifest, sent())
  expect(sha256).toBe(createHash('sha256').update(STATE).digest('hex'))
  await store.saved.verified(savedId, { sha256, sizeBytes, plainBytes: 1024, files: 1, leftOut: [] }, NOW)
  return { ...row, name: kind === 'template' ? name : null }
}
async function policiesOf({ database: { store }, deps, owner }: Server, request: { ref: string; keys?: string }) {
  const { id } = await restoreSaved(deps, RestoreRequest.parse(request), owner)
  return { egress: await store.egress.policy(id), git: await store.gitPolicies.get(id) }
}

test.each(['fork', 'template', 'backup'] as const)('a %s goes where its workspace might, and sends what it might', async (kind) => {
  const { id, name } = await savedOf(here, kind, { egress: true, git: true })
  expect(await policiesOf(here, { ref: name ?? id })).toEqual({ egress: EGRESS, git: GIT })
})

test.each([['by its key', { keys: 'k1:0' }], ['with the same key', {}]])('another server keeps to both, %s, and so does what is made of it later', async (_, keys) => {
  const { id } = await savedOf(here, 'backup', { egress: true, git: true })
  expect(await policiesOf(there, { ref: id, ...keys })).toEqual({ egress: EGRESS, git: GIT })
  const taken = await there.database.store.saved.list({ orgId: there.owner.orgId })
  expect(await policiesOf(there, { ref: taken[0]?.id ?? '' })).toEqual({ egress: EGRESS, git: GIT })
})

test('one of which nothing was said, or that an earlier version saved, begins as a new one does', async () => {
  const none = { egress: null, git: GitPolicy.parse({}) }
  const { id, manifest } = await savedOf(here, 'backup', { egress: false, git: false })
  expect(await policiesOf(there, { ref: id })).toEqual(none)
  const { egress: _, git: __, ...earlier } = manifest
  const old = randomIds.saved()
  await bytes.receive(old, earlier, sent())
  expect(await policiesOf(there, { ref: old })).toEqual(none)
})
