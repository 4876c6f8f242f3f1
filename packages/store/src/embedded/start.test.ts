import { afterEach, describe, expect, it } from 'bun:test'
import { chmod, mkdir, mkdtemp, readlink, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect, type DatabaseAddress } from '../address.ts'
import { refusal } from '../store-fixtures.ts'
import { postgresBinaries } from './binaries.ts'
import { childEnv, isServerOf, prefix, recordedPid, stopOrphan } from './process.ts'
import { preparePlaces } from './places.ts'
import { type Embedded, type EmbeddedOptions, startEmbedded } from './start.ts'

const started: Embedded[] = []
const dirs: string[] = []
const children: Bun.Subprocess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) { child.kill('SIGKILL'); await child.exited }
  for (const embedded of started.splice(0)) await embedded.stop()
  for (const dir of dirs.splice(0)) {
    const outside = await readlink(join(dir, 'postgres')).catch(() => null)
    if (outside !== null) await rm(dirname(outside), { recursive: true, force: true })
    await rm(dir, { recursive: true, force: true })
  }
})

async function home(mode = 0o711): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-embedded-'))
  dirs.push(dir)
  await chmod(dir, mode)
  return dir
}
async function start(options: EmbeddedOptions): Promise<Embedded> {
  const embedded = await startEmbedded(options)
  started.push(embedded)
  return embedded
}
async function query<T>(address: DatabaseAddress, run: (sql: ReturnType<typeof connect>) => Promise<T>): Promise<T> {
  const sql = connect(address, { max: 1 })
  try { return await run(sql) } finally { await sql.end({ timeout: 1 }) }
}
/** A dead process that nobody has reaped (its parent died) does not run. */
async function runs(pid: number): Promise<boolean> {
  const ps = Bun.spawn(['ps', '-p', String(pid), '-o', 'stat='], { stdout: 'pipe' })
  const state = (await new Response(ps.stdout).text()).trim()
  return state !== '' && !state.startsWith('Z')
}
const data = (dir: string) => join(dir, 'postgres', 'data')

/** A process of its own that starts the database, says its pid, and inserts rows, telling each one that is stored. */
async function serverProcess(dir: string) {
  const script = `
    import { startEmbedded } from ${JSON.stringify(join(import.meta.dir, 'start.ts'))}
    import { connect } from ${JSON.stringify(join(import.meta.dir, '..', 'address.ts'))}
    const embedded = await startEmbedded({ home: ${JSON.stringify(dir)} })
    const sql = connect(embedded.address, { max: 1 })
    await sql\`create table if not exists row (n int)\`
    console.log('pid ' + embedded.pid)
    for (let n = 1; ; n++) { await sql\`insert into row values (\${n})\`; console.log('row ' + n) }`
  const file = join(dir, 'server.ts')
  await writeFile(file, script)
  const child = Bun.spawn([process.execPath, file], { stdout: 'pipe', stderr: 'inherit' })
  children.push(child)
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const until = async (pattern: RegExp) => {
    for (;;) {
      const found = pattern.exec(text)
      if (found !== null) return found
      const { value, done } = await reader.read()
      if (done) throw new Error(`the server ended: ${text}`)
      text += value
    }
  }
  const rest = async () => {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) text += chunk.value
    return Math.max(...[...text.matchAll(/^row (\d+)$/gm)].map((match) => Number(match[1])))
  }
  return { child, until, rest }
}

/** A database that no server of ours is the parent of. */
async function startOrphan(dir: string): Promise<Bun.Subprocess> {
  const places = await preparePlaces(dir)
  const orphan = Bun.spawn([...prefix(places.runAs, false), join(postgresBinaries(), 'bin', 'postgres'), '-D', places.data, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${places.socketDir}`],
    { cwd: '/', env: childEnv(), stdout: 'ignore', stderr: 'pipe' })
  children.push(orphan)
  const lines = orphan.stderr.pipeThrough(new TextDecoderStream()).getReader()
  for (let text = ''; !text.includes('ready to accept connections');) text += (await lines.read()).value ?? ''
  void lines.cancel()
  return orphan
}

describe('the built-in database', () => {
  it('starts, keeps its data over a restart, and checks its pages', async () => {
    const dir = await home()
    const first = await start({ home: dir })
    expect(first.existed).toBe(false)
    expect(await recordedPid(data(dir))).toBe(first.pid)
    await query(first.address, async (sql) => {
      await sql`create table t as select 1 as n`
      expect(await sql`show data_checksums`).toMatchObject([{ dataChecksums: 'on' }])
      expect(await sql`show listen_addresses`).toMatchObject([{ listenAddresses: '' }])
      expect(await sql`select datlocprovider as provider from pg_database where datname = 'postgres'`).toMatchObject([{ provider: 'b' }])
    })
    await first.stop()
    const second = await start({ home: dir })
    expect(second.existed).toBe(true)
    expect(await query(second.address, (sql) => sql`select n from t`)).toMatchObject([{ n: 1 }])
  }, 60_000)

  it('listens only in a directory of its own user, on a short path', async () => {
    const long = join(await home(), 'a'.repeat(90))
    await mkdir(long, { mode: 0o711 })
    const { address } = await start({ home: long, durable: false })
    if (address.kind !== 'socket') throw new Error('expected a socket')
    dirs.push(dirname(address.path))
    expect(Buffer.byteLength(address.path)).toBeLessThanOrEqual(100)
    expect((await stat(dirname(address.path))).mode & 0o777).toBe(0o700)
  }, 60_000)

  it.if(process.getuid?.() === 0)('puts the data elsewhere when its user cannot reach the home', async () => {
    const dir = await home(0o700)
    const embedded = await start({ home: dir, durable: false })
    expect(await readlink(join(dir, 'postgres'))).toStartWith('/var/lib/berth/')
    expect((await stat(data(dir))).uid).not.toBe(0)
    await embedded.stop()
    expect((await start({ home: dir, durable: false })).existed).toBe(true)
  }, 60_000)

  it('refuses a second server on the same data', async () => {
    const dir = await home()
    const first = await start({ home: dir, durable: false })
    expect(await refusal(startEmbedded({ home: dir }))).toMatchObject({ code: 'server_running' })
    const other = Bun.spawn([process.execPath, '-e', `
      const { startEmbedded } = await import(${JSON.stringify(join(import.meta.dir, 'start.ts'))})
      await startEmbedded({ home: ${JSON.stringify(dir)} }).catch((error) => console.log(error.code))`], { stdout: 'pipe', stderr: 'inherit' })
    children.push(other)
    expect(await new Response(other.stdout).text()).toBe('server_running\n')
    expect(await query(first.address, (sql) => sql`select 1 as one`)).toMatchObject([{ one: 1 }])
  }, 60_000)

  it('says that it ended, and starts again with every row it had confirmed, after kill -9', async () => {
    const dir = await home()
    const first = await start({ home: dir })
    const ended = Promise.withResolvers<void>()
    first.onExit(() => ended.resolve())
    await query(first.address, async (sql) => {
      await sql`create table t (n int)`
      await sql`insert into t select generate_series(1, 1000)`
    })
    process.kill(first.pid, 'SIGKILL')
    await ended.promise
    const second = await start({ home: dir })
    expect(second.pid).not.toBe(first.pid)
    expect(await query(second.address, (sql) => sql`select count(*) as count from t`)).toMatchObject([{ count: 1000 }])
  }, 60_000)

  it('survives kill -9 of the server in mid-write, and leaves no process', async () => {
    const dir = await home()
    const server = await serverProcess(dir)
    const pid = Number((await server.until(/^pid (\d+)$/m))[1])
    await server.until(/^row 50$/m)
    server.child.kill('SIGKILL')
    const confirmed = await server.rest()
    const next = await start({ home: dir })
    expect(next.pid).not.toBe(pid)
    expect(await runs(pid)).toBe(false)
    const [row] = await query(next.address, (sql) => sql<{ max: number }[]>`select max(n) as max from row`)
    expect(row?.max).toBeGreaterThanOrEqual(confirmed)
  }, 60_000)

  it('stops an orphan on the data and never speaks to it', async () => {
    const dir = await home()
    const first = await start({ home: dir })
    await first.stop()
    const orphan = await startOrphan(dir)
    const next = await start({ home: dir })
    await orphan.exited
    expect(next.pid).not.toBe(orphan.pid)
    expect(await recordedPid(data(dir))).toBe(next.pid)
  }, 60_000)

  it('ends an orphan that hears nothing any more', async () => {
    const dir = await home()
    await (await start({ home: dir })).stop()
    const orphan = await startOrphan(dir)
    orphan.kill('SIGSTOP')
    const said: string[] = []
    await stopOrphan(await preparePlaces(dir), (line) => { said.push(line) }, 300)
    expect(said.slice(1)).toEqual(['SIGINT', 'SIGQUIT'].map((signal) => `the database did not end within 0.3 s of ${signal}`))
    expect(await isServerOf(orphan.pid, data(dir))).toBe(false)
    expect((await start({ home: dir })).existed).toBe(true)
  }, 60_000)

  it('takes no other process for its own because it has the old pid', async () => {
    const dir = await home()
    const first = await start({ home: dir })
    await first.stop()
    const places = await preparePlaces(dir)
    const stranger = Bun.spawn([...prefix(places.runAs, false), 'sleep', '600'], { cwd: '/', stdout: 'ignore', stderr: 'ignore' })
    children.push(stranger)
    await writeFile(join(places.data, 'postmaster.pid'), `${stranger.pid}\n${places.data}\n1\n5432\n${places.socketDir}\n\n`)
    await writeFile(join(places.socketDir, '.s.PGSQL.5432.lock'), `${stranger.pid}\n${places.data}\n1\n5432\n${places.socketDir}\n\n`)
    const next = await start({ home: dir })
    expect(Number((await readFile(join(places.data, 'postmaster.pid'), 'utf8')).split('\n')[0])).toBe(next.pid)
    expect(stranger.exitCode).toBeNull()
  }, 60_000)

  it('begins anew after a first start that was killed half way', async () => {
    const dir = await home()
    const places = await preparePlaces(dir)
    await mkdir(join(places.root, 'data.new'))
    await writeFile(join(places.root, 'data.new', 'PG_VERSION'), '18\n')
    expect((await start({ home: dir, durable: false })).existed).toBe(false)
  }, 60_000)

  it('ends with its signal', async () => {
    const dir = await home()
    const controller = new AbortController()
    const { pid } = await start({ home: dir, durable: false, signal: controller.signal })
    controller.abort()
    await started[0]?.stop()
    expect(await runs(pid)).toBe(false)
  }, 60_000)
})
