import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { chmod, copyFile, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createClient } from '@berth/client'
import { createTestDatabase, openTestDatabase } from '@berth/store/testing'
import { createFakeProvider } from '@berth/testkit'
import { serve } from '../main.ts'
import type { Server } from '../main.ts'
import { FAKE_TOOLBOX } from '../test/harness.ts'
import { runBackupWord } from './backup-words.ts'
import type { BackupWord } from './backup-words.ts'

let dir: string
const homes: string[] = []
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-words-'))
})
afterAll(async () => {
  for (const home of homes) {
    const outside = await readlink(join(home, 'postgres')).catch(() => null)
    if (outside !== null) await rm(dirname(outside), { recursive: true, force: true })
    await rm(home, { recursive: true, force: true })
  }
  await rm(dir, { recursive: true, force: true })
})

async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'berth-words-home-'))
  await chmod(home, 0o711)
  homes.push(home)
  return home
}

const serveHome = (home: string, databaseUrl?: string): Promise<Server> => serve({
  home, port: 0, providers: () => [createFakeProvider({ clock: { now: () => Date.now() } })],
  toolbox: FAKE_TOOLBOX,
  ...(databaseUrl === undefined ? {} : { databaseUrl }),
})

async function word(name: BackupWord, home: string, args: readonly string[], databaseUrl?: string) {
  const said: string[] = []
  await runBackupWord(name, [...args, '--json'], { env: { BERTH_HOME: home, ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }) }, out: (line) => void said.push(line) })
  return JSON.parse(said.join('\n')) as { rows: number; before: string | null; masterKeyFits: boolean }
}
const refused = (promise: Promise<unknown>) => promise.then(() => null, (error: unknown) => error)

const namesIn = async (server: Server) => (await createClient({ url: server.url, token: server.token }).listWorkspaces({})).map(({ name }) => name)
const make = (server: Server, name: string) => createClient({ url: server.url, token: server.token }).createWorkspace({ name, source: { kind: 'empty' }, agent: 'plain', command: 'sleep 1', env: { SECRET: 'hush' } })

describe('backup and restore of the built-in database', () => {
  it('takes one while a server runs and while none does, and puts it back into a fresh home with the reaper held', async () => {
    const home = await newHome()
    const [running, resting] = [join(dir, 'running.zst'), join(dir, 'resting.zst')]
    const server = await serveHome(home)
    try {
      await make(server, 'kept')
      expect((await word('backup', home, [running])).rows).toBeGreaterThan(5)
      expect(await refused(word('backup', home, [running]))).toMatchObject({ code: 'conflict' })
      expect(await refused(word('restore', home, [running, '--replace']))).toMatchObject({ code: 'server_running' })
    } finally {
      await server.stop()
    }
    expect((await word('backup', home, [resting])).rows).toBeGreaterThan(5)
    expect(await refused(word('restore', home, [resting]))).toMatchObject({ code: 'conflict', hint: expect.stringContaining('--replace') })

    const other = await newHome()
    expect(await word('restore', other, [running])).toMatchObject({ before: null, masterKeyFits: false })
    await copyFile(join(home, 'master.key'), join(other, 'master.key'))
    const restored = await word('restore', other, [resting, '--replace'])
    expect(restored.masterKeyFits).toBe(true)
    expect(await readdir(join(other, 'backups'))).toEqual([restored.before?.split('/').at(-1) ?? ''])

    const again = await serveHome(other)
    try {
      expect(await namesIn(again)).toEqual(['kept'])
      const client = createClient({ url: again.url, token: again.token })
      expect((await client.server()).reaperHeld).toContain('restored')
      expect(await client.releaseReaper({})).toEqual({ released: true })
      expect((await client.server()).reaperHeld).toBeNull()
    } finally {
      await again.stop()
    }
  }, 60_000)

  it('refuses a home without a database, a missing file and a missing directory', async () => {
    const home = await newHome()
    expect(await refused(word('backup', home, [join(dir, 'none.zst')]))).toMatchObject({ code: 'not_found' })
    expect(await refused(word('backup', home, [join(dir, 'no', 'such', 'place')]))).toMatchObject({ code: 'not_found' })
    expect(await refused(word('restore', home, [join(dir, 'missing.zst')]))).toMatchObject({ code: 'not_found' })
    expect(await refused(word('backup', home, []))).toMatchObject({ code: 'bad_request' })
    expect(await refused(word('backup', home, ['--wrong']))).toMatchObject({ code: 'bad_request' })
  })
})

describe('backup and restore of an external database', () => {
  it('goes from one to another by DATABASE_URL, as the process that the CLI starts', async () => {
    const [from, home, other] = [await openTestDatabase(), await newHome(), await newHome()]
    const to = await createTestDatabase({ migrated: false })
    const toUrl = to.address.kind === 'socket' ? `postgres://${to.address.user}@localhost/${to.address.database}?host=${dirname(to.address.path)}` : to.address.url
    const file = join(dir, 'external.zst')
    try {
      const server = await serveHome(home, from.url)
      await make(server, 'elsewhere')
      await server.stop()
      const child = Bun.spawn([process.execPath, join(import.meta.dir, '../main.ts'), 'backup', file], { env: { ...process.env, BERTH_HOME: home, DATABASE_URL: from.url }, stdout: 'pipe', stderr: 'pipe' })
      expect({ said: await new Response(child.stdout).text(), wrong: await new Response(child.stderr).text(), code: await child.exited }).toEqual({ said: expect.stringContaining('Wrote'), wrong: '', code: 0 })
      expect(await word('restore', other, [file], toUrl)).toMatchObject({ before: null })
      const again = await serveHome(other, toUrl)
      expect(await namesIn(again)).toEqual(['elsewhere'])
      await again.stop()
    } finally {
      await from.close()
      await to.drop()
    }
  }, 60_000)
})
