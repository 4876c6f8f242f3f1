import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError, randomIds, type GitHostId } from '@berth/wire'
import { connect } from './address.ts'
import { keysOf } from './crypto.ts'
import { beginRotation, endRotation, loadMasterKey } from './key-file.ts'
import { openStore } from './open-store.ts'
import { reseal, SEALED } from './reseal.ts'
import { openTestDatabase } from './testing.ts'

const NOW = 1_760_000_000_000
const COUNT = 400
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
/** Of rooms that are made now: their tables are there, and nothing seals into them yet. */
const AWAITED = ['injections', 'model_fallbacks']

test('every sealed column of the schema is sealed anew', async () => {
  const db = await openTestDatabase()
  try {
    const rows = await db.sql<{ tableName: string }[]>`select table_name from information_schema.columns where column_name = 'sealed' and table_schema = 'public' order by table_name`
    const known = SEALED.map(({ table }) => table)
    expect(rows.map(({ tableName }) => tableName).filter((name) => !known.includes(name)).every((name) => AWAITED.includes(name))).toBe(true)
    expect(known.filter((name) => !rows.some(({ tableName }) => tableName === name))).toEqual([])
  } finally {
    await db.close()
  }
})

test('a rotation that is killed in the middle goes on where it ended, and both keys open meanwhile', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-rotate-'))
  const first = await loadMasterKey(home, random)
  const db = await openTestDatabase({ masterKey: first })
  try {
    const { orgId } = await db.store.access.bootstrap(NOW)
    for (let n = 0; n < COUNT; n++) await db.store.projectSecrets.put({ orgId, project: 'host/a/b', name: `S${n}`, kind: 'env', value: `value ${n}` }, NOW)
    const host = await db.store.gitHosts.put({ orgId, origin: 'https://git.example.org', username: 'x', token: 'host token' }, NOW)
    for (let n = 0; n < 5; n++) await db.store.audit.write(orgId, { action: 'secret.set', workspaceId: null, actor: 'a', subject: `S${n}`, allowed: true, reason: null, refs: [], tokenExpiresAt: null }, NOW)
    const before = new Set((await db.sql<{ sealed: string }[]>`select sealed from project_secrets`).map(({ sealed }) => sealed))

    const both = await beginRotation(home, random)
    expect(keysOf(both)).toHaveLength(2)
    const changed = async () => (await db.sql<{ sealed: string }[]>`select sealed from project_secrets`).filter(({ sealed }) => !before.has(sealed)).length
    const child = Bun.spawn([process.execPath, '-e', `
      import { connect } from '${import.meta.dir}/address.ts'
      import { loadMasterKey } from '${import.meta.dir}/key-file.ts'
      import { reseal } from '${import.meta.dir}/reseal.ts'
      const random = (bytes) => crypto.getRandomValues(new Uint8Array(bytes))
      await reseal(connect({ kind: 'url', url: process.env.URL_OF_TEST }, { max: 1 }), await loadMasterKey(process.env.HOME_OF_TEST, random), random)
    `], { env: { ...process.env, URL_OF_TEST: db.url, HOME_OF_TEST: home }, stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' })
    while ((await changed()) === 0 && child.exitCode === null);
    child.kill('SIGKILL')
    await child.exited
    expect(await changed()).toBeGreaterThan(0)

    // As the server starts after that: it opens both, and begins no third.
    const again = await beginRotation(home, random)
    expect(keysOf(again).map((key) => Buffer.from(key).toString('hex'))).toEqual(keysOf(both).map((key) => Buffer.from(key).toString('hex')))
    const meanwhile = await openStore({ database: db.address, masterKey: again, connections: 1 })
    expect((await meanwhile.projectSecrets.values(orgId, 'host/a/b')).map(({ value }) => value).toSorted()).toEqual(Array.from({ length: COUNT }, (_, n) => `value ${n}`).toSorted())
    await meanwhile.audit.write(orgId, { action: 'key.rotate', workspaceId: null, actor: 'a', subject: '', allowed: true, reason: null, refs: [], tokenExpiresAt: null }, NOW)
    expect(await meanwhile.audit.firstBroken(orgId)).toBeNull()
    await meanwhile.close()

    const sql = connect(db.address, { max: 1 })
    const done = await reseal(sql, again, random)
    expect(done.secrets).toBeLessThanOrEqual(COUNT + 1)
    expect(await reseal(sql, again, random)).toEqual({ secrets: 0, records: 0 })
    await sql.end()
    await endRotation(home, random)
    expect((await readFile(join(home, 'master.key'), 'utf8')).trim()).toMatch(/^[0-9a-f]{64}$/)
    const after = await openStore({ database: db.address, masterKey: await loadMasterKey(home, random), connections: 1 })
    expect((await after.projectSecrets.values(orgId, 'host/a/b')).length).toBe(COUNT)
    expect((await after.gitHosts.credential(orgId, 'https://git.example.org'))).toMatchObject({ id: host.id satisfies GitHostId, token: 'host token' })
    expect(await after.audit.firstBroken(orgId)).toBeNull()
    await after.close()
    // Who has the old key opens nothing any more, and finds no chain that holds.
    const old = await openStore({ database: db.address, masterKey: first, connections: 1 })
    expect(await old.projectSecrets.values(orgId, 'host/a/b').catch((error: unknown) => error)).toBeInstanceOf(BerthError)
    expect(await old.audit.firstBroken(orgId)).toBe(1)
    await old.close()
  } finally {
    await db.close()
    await rm(home, { recursive: true, force: true })
  }
}, 60_000)

test('a chain that was tampered with is not keyed anew', async () => {
  const old = random(32)
  const db = await openTestDatabase({ masterKey: old })
  try {
    const { orgId } = await db.store.access.bootstrap(NOW)
    for (let n = 0; n < 3; n++) await db.store.audit.write(orgId, { action: 'secret.set', workspaceId: randomIds.workspace(), actor: 'a', subject: 's', allowed: true, reason: null, refs: [], tokenExpiresAt: null }, NOW)
    await db.sql`update audit set actor = 'somebody else' where n = 2`
    const refused = await reseal(db.sql, [random(32), old], random).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'conflict', message: expect.stringContaining('record 2') })
  } finally {
    await db.close()
  }
})

test('the key can come from a command, whose words are shown nowhere', async () => {
  const [one, two] = [random(32), random(32)].map((key) => Buffer.from(key).toString('hex'))
  expect(keysOf(await loadMasterKey('/nowhere', random, `printf '%s\\n%s\\n' ${one} ${two}`)).map((key) => Buffer.from(key).toString('hex'))).toEqual([one ?? '', two ?? ''])
  for (const command of ['exit 3', 'echo short', 'true']) expect(await loadMasterKey('/nowhere', random, command).catch((error: unknown) => error)).toMatchObject({ code: 'config_invalid' })
})
