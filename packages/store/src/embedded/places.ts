/**
 * Where the built-in database keeps its files, and as whom it runs.
 *
 * PostgreSQL refuses to run as root. A server that is root drops to another uid, which must be able to reach the
 * data: under a home that only root can enter (a 0700 home directory) the data is put below /var/lib instead, and
 * `<home>/postgres` is a link to it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { chown, chmod, lstat, mkdir, readFile, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire'

export interface UserIds { readonly uid: number; readonly gid: number }
export interface Places {
  readonly root: string
  readonly data: string
  readonly socketDir: string
  /** Held by the one server that may use the data. */
  readonly lock: string
  /** Null: as whoever we are. */
  readonly runAs: UserIds | null
}

const OUTSIDE = '/var/lib/berth'
/** A socket's path has room for 107 bytes; the name of the socket in the directory takes some of them. */
const SOCKET_DIR_LIMIT = 80

/** `unprivileged`: absent = the system's postgres user, or nobody, when we are root. */
export async function preparePlaces(home: string, unprivileged?: UserIds | null): Promise<Places> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const wanted = await realpath(home)
  const runAs = await chooseUser(unprivileged)
  const root = await chooseRoot(wanted, runAs)
  await mkdir(root, { recursive: true, mode: 0o711 })
  if (runAs !== null) await chmod(root, 0o711)
  const socketDir = await prepareSocketDir(root, runAs)
  return { root, data: join(root, 'data'), socketDir, lock: join(root, 'server.lock'), runAs }
}

async function chooseUser(unprivileged?: UserIds | null): Promise<UserIds | null> {
  if (process.getuid?.() !== 0) return null
  if (unprivileged === null) throw new BerthError('unsupported', 'the built-in database cannot run as root', { hint: 'name an unprivileged user for it, or start the server as another user' })
  if (unprivileged !== undefined) return unprivileged
  const users = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'))
  // initdb wants its uid to have a name, so it must be one of the system's users.
  for (const name of ['postgres', 'nobody']) {
    const found = users.find((fields) => fields[0] === name)
    const uid = Number(found?.[2]); const gid = Number(found?.[3])
    if (Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)) return { uid, gid }
  }
  throw new BerthError('unsupported', 'there is no unprivileged user for the built-in database', { hint: 'add a system user named postgres, or start the server as another user' })
}

async function chooseRoot(home: string, runAs: UserIds | null): Promise<string> {
  const inHome = join(home, 'postgres')
  const target = await readlink(inHome).catch(() => null)
  if (target !== null) return target
  const present = await stat(inHome).catch(() => null)
  if (present !== null || runAs === null || await canReach(home, runAs)) return inHome
  // The random part keeps a new home from finding the data of a deleted one that had the same path.
  const name = `${createHash('sha256').update(home).digest('hex').slice(0, 12)}-${randomBytes(4).toString('hex')}`
  const outside = join(OUTSIDE, name, 'postgres')
  await mkdir(outside, { recursive: true, mode: 0o711 })
  await symlink(outside, inHome)
  return outside
}

/** Whether that user may pass through every directory down to this one. */
export async function canReach(path: string, user: UserIds): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

async function prepareSocketDir(root: string, runAs: UserIds | null): Promise<string> {
  const near = join(root, 'run')
  const short = Buffer.byteLength(near) <= SOCKET_DIR_LIMIT
  const dir = short ? near : join(tmpdir(), `berth-pg-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`)
  await mkdir(dir, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'EEXIST') throw error })
  const { uid } = await lstat(dir)
  const mine = process.getuid?.() ?? uid
  // Somebody else's directory, or a link, at the name we want: never speak to a socket in there.
  if (!(await lstat(dir)).isDirectory() || (uid !== mine && uid !== runAs?.uid)) {
    throw new BerthError('database_unavailable', `${dir} belongs to somebody else`, { hint: 'remove it, or set BERTH_HOME to a shorter path' })
  }
  if (runAs !== null) await chown(dir, runAs.uid, runAs.gid)
  await chmod(dir, 0o700)
  return dir
}
