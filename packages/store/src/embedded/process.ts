/** Runs PostgreSQL's programs as the right user, and finds servers that were left behind. */
import { readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import type { Places, UserIds } from './places.ts'

const OUTPUT_LIMIT = 64 * 1024

/**
 * The prefix that drops root for another user, and makes the kernel interrupt the child (a fast shutdown) when we
 * die. `setpriv` keeps the pid. Where it is missing only the check of postmaster.pid protects.
 */
export function prefix(runAs: UserIds | null, dieWithUs: boolean): string[] {
  const setpriv = Bun.which('setpriv')
  if (setpriv === null) {
    if (runAs !== null) throw new BerthError('unsupported', 'setpriv is missing, so the built-in database cannot leave root', { hint: 'install util-linux, or start the server as another user' })
    return []
  }
  const user = runAs === null ? [] : ['--reuid', String(runAs.uid), '--regid', String(runAs.gid), '--clear-groups']
  const death = dieWithUs ? ['--pdeathsig', 'INT'] : []
  return user.length + death.length === 0 ? [] : [setpriv, ...user, ...death]
}

/** Nothing of our environment but what a C program needs: a server's secrets stay out of it. */
export const childEnv = (): Record<string, string> => ({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' })

export async function runTool(places: Places, argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...prefix(places.runAs, false), ...argv], { cwd: '/', env: childEnv(), stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code === 0) return
  if (NO_ROOM.test(`${err}\n${out}`)) throw noRoom()
  throw new BerthError('database_unavailable', `${argv[0]?.split('/').at(-1)} ended with ${code}: ${`${err}\n${out}`.trim().slice(0, OUTPUT_LIMIT)}`, { hint: 'is the disk full, or the home on a file system that cannot hold a database?' })
}

const NO_ROOM = /No space left on device|Disk quota exceeded/i
export const saysNoRoom = (lines: readonly string[]): boolean => lines.some((line) => NO_ROOM.test(line))
export function noRoom(): BerthError {
  return new BerthError('no_space', 'there is no room on the disk for the database', { hint: 'free at least 100 MB where BERTH_HOME is, or set BERTH_HOME to another disk' })
}

/** The pid in postmaster.pid; null when there is none. */
export async function recordedPid(data: string): Promise<number | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(text.split('\n')[0])
  return Number.isInteger(pid) && pid > 0 ? pid : null
}

/** Whether that process is a PostgreSQL server on this data, and not one that got a dead server's pid. */
export async function isServerOf(pid: number, data: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null)
  if (cwd !== null) return cwd === data
  if (process.platform === 'linux') return false
  const ps = Bun.spawn(['ps', '-p', String(pid), '-o', 'command='], { stdout: 'pipe', stderr: 'ignore' })
  return (await new Response(ps.stdout).text()).includes(data)
}

/** A database that is killed while it recovers from a crash may never hear that it is to stop. */
const ORPHAN_GRACE_MS = 10_000
const ORPHAN_LOOK_MS = 20

/**
 * Stops a server that a killed parent left on this data. The caller holds the lock, so it is nobody's.
 * A pid file whose process is something else is removed: PostgreSQL would take it for a running server.
 */
export async function stopOrphan(places: Places, log: (line: string) => void, graceMs = ORPHAN_GRACE_MS): Promise<void> {
  const pid = await recordedPid(places.data)
  if (pid === null) return
  if (await isServerOf(pid, places.data)) {
    log(`stopping the database that an earlier server left behind (pid ${pid})`)
    // Fast (ends sessions, writes everything), then at once (recovers at the next start), then by force. It may end
    // by itself in any moment; the start that follows is the judge.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      if (await endsAfter(signal, { pid, data: places.data, graceMs })) return
      log(`the database did not end within ${graceMs / 1000} s of ${signal}`)
    }
    return
  }
  if (await recordedPid(places.data) === pid) await rm(join(places.data, 'postmaster.pid'), { force: true })
}

async function endsAfter(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL', { pid, data, graceMs }: { pid: number; data: string; graceMs: number }): Promise<boolean> {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error
  }
  for (const until = performance.now() + graceMs; performance.now() < until;) {
    if (!(await isServerOf(pid, data))) return true
    await Bun.sleep(ORPHAN_LOOK_MS)
  }
  return false
}

/** The socket's own lock outlives a kill and a reboot; a process that has its pid by now would keep us out for ever. */
export async function removeStaleSocketLock(places: Places): Promise<void> {
  for (const name of await readdir(places.socketDir).catch(() => [])) {
    if (!name.endsWith('.lock')) continue
    const path = join(places.socketDir, name)
    const pid = Number((await readFile(path, 'utf8').catch(() => '')).split('\n')[0])
    if (!(pid > 0 && await isServerOf(pid, places.data))) await rm(path, { force: true })
  }
}
