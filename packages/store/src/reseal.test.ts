import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@berth/core'
import { BerthError, randomIds, type GitHostId } from '@berth/wire'
import { connect } from './address.ts'
import { keysOf } from './crypto.ts'
import { beginRotation, endRotation, loadMasterKey } from './key-file.ts'
import { openStore } from './open-store.ts'
import { reseal, SEALED } from './reseal.ts'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'

const NOW = 1_760_000_000_000
const COUNT = 400
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
test('every sealed column of the schema is sealed anew', async () => {
  const db = await openTestDatabase()
  try {
    const rows = await db.sql<{ tableName: string }[]>`select table_name from information_schema.columns where column_name = 'sealed' and table_schema = 'public' order by table_name`
    expect(rows.map(({ tableName }) => tableName)).toEqual(SEALED.map(({ table }) => table).toSorted())
  } finally {
    await db.close()
  }
})

test('a secret of every kind opens with the new key alone, for what it was kept for', async () => {
  const [old, current] = [random(32), random(32)]
  const db = await openTestDatabase({ masterKey: old })
  try {
    const origin = 'https://git.example.org'
    const { id, row: { orgId, creatorId: userId } } = await aWorkspace(db.store, NOW, { secrets: { env: { A: 'of a workspace' }, homeFiles: [] } })
    const app = { origin, appId: 7, slug: 'berth', name: 'Berth', htmlUrl: origin }
    const login = { accessToken: 'of a login', refreshToken: 'and the next', expiresAt: NOW, tokenUrl: origin, clientId: 'c' }
    const notVendors = { model: 'anthropic', url: 'https://api.example' } as const
    const device = await db.store.devices.add(userId, { name: 'phone', subscription: { endpoint: 'https://push.example/of-a-device', keys: { p256dh: 'p', auth: 'a' } } }, NOW)
    await db.store.settings.change(userId, (own) => ({ ...own, secrets: { ntfyToken: 'of ntfy', webhookSecret: null } }), NOW)
    await db.store.serverKeys.key('vapid', () => ({ publicKey: 'p', secret: 'of the server' }), NOW)
    await db.store.gitHosts.put({ orgId, origin, username: 'x', token: 'of a host' }, NOW)
    await db.store.deployKeys.put({ orgId, origin, path: 'a/b', sshUrl: 'ssh://git@git.example.org/a/b', publicKey: 'p', hostKeys: '', seed: 'of a repository' }, NOW)
    await db.store.commitIdentities.putSigningKey(userId, { publicKey: 'p', seed: 'of commits' }, NOW)
    await db.store.github.put({ ...app, orgId, key: { clientId: 'c', clientSecret: 'of an app', webhookSecret: 'w', privateKey: 'p' } }, NOW)
    await db.store.modelKeys.put({ orgId, vendor: notVendors.model, baseUrl: notVendors.url, key: 'of a model', limitMicros: null }, NOW)
    await db.store.modelKeys.putFurther({ orgId, vendor: notVendors.model, name: 'plain', userId: null, baseUrl: notVendors.url, key: 'of another' }, NOW)
    await db.store.modelKeys.putFurther({ orgId, vendor: notVendors.model, name: 'login', userId: null, baseUrl: notVendors.url, key: login }, NOW + 1)
    await db.store.egress.putInjection({ orgId, name: 'npm', host: 'registry.example', how: { kind: 'header', header: 'Authorization', template: 'Bearer {secret}' }, secret: 'of a registry' }, NOW)
    await db.store.projectSecrets.put({ orgId, project: 'host/a/b', name: 'S', kind: 'env', value: 'of a project' }, NOW)
    const told = async ({ secrets, settings, devices, serverKeys, gitHosts, deployKeys, commitIdentities, github, modelKeys, egress, projectSecrets }: Store) => [
      await secrets(id), await settings.get(userId), await devices.subscription(device.id), await serverKeys.key('vapid', () => { throw new Error('it is there') }, NOW), await gitHosts.credential(orgId, origin), await deployKeys.of(orgId, { origin, path: 'a/b' }),
      await commitIdentities.useSigningKey(userId, NOW), await github.key(orgId, origin), await modelKeys.inOrder(orgId, notVendors.model, userId), await egress.injectionFor(orgId, 'registry.example'), await projectSecrets.values(orgId, 'host/a/b'),
    ]
    const before = JSON.stringify(await told(db.store))
    for (const words of ['of a workspace', 'of-a-device', 'of ntfy', 'of the server', 'of a host', 'of a repository', 'of commits', 'of an app', 'of a model', 'of another', 'of a login', 'of a registry', 'of a project']) expect(before).toContain(words)
    for (const { table } of SEALED) expect([table, (await db.sql`select 1 from ${db.sql(table)} where sealed is not null`).length]).not.toEqual([table, 0])
    await reseal(db.sql, [current, old], random)
    const after = await openStore({ database: db.address, masterKey: current, connections: 1 })
    expect(JSON.stringify(await told(after))).toBe(before)
    await after.close()
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
