/**
 * What a local machine is on disk: `<home>/workspaces/<id>/machine-g<generation>`. The provider owns the directory;
 * the subdirectories of the workspace belong to the machine's own uid, and nothing here writes into them again once
 * the agent could have put a link there: they are replaced, never followed.
 */
import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Owner } from '@berth/core'
import type { Isolation } from '@berth/wire'
import type { ExitFile, ProcessFile } from './machine-host.ts'

export interface MachineRecord { readonly version: 1; readonly owner: Owner; readonly createdAt: number; readonly uid: number | null; /** The agent's own; absent: it has the daemon's. */ readonly agentUid?: number; readonly isolation: Isolation; /** Its instructions are translated. */ readonly slow?: true }
/** `record` null: a directory with the right name that does not say whose it is. */
export interface MachineFiles { readonly dir: string; readonly record: MachineRecord | null }

/** Where a kind of machine lives. `outside`: for those whose user cannot enter the home (as root, without a sandbox). */
export interface Place { readonly home: string; readonly outside: string | null }

const AGENT_DIRS = ['work', 'home', 'tmp'] as const
const FIRST_UID = 200_000
const UID_SPAN = 1 << 29
const DIR_NAME = /^machine-g(\d+)$/
const DEBRIS_NAME = /^\.(?:making|removing)-(\d+)-[0-9a-f]+$/

export const ownerKey = (owner: Owner): string => `${owner.installation}/${owner.workspaceId}/${owner.generation}`
export const workspacesDir = (home: string): string => join(home, 'workspaces')
export const machineDir = (home: string, owner: Owner): string => join(workspacesDir(home), owner.workspaceId, `machine-g${owner.generation}`)

/** As root each machine gets two uids of its own, the same at each try; nobody else on the host is likely to have them. */
export function uidsOf(owner: Owner): { daemon: number; agent: number } | null {
  if (process.getuid?.() !== 0) return null
  const daemon = FIRST_UID + 2 * (createHash('sha256').update(ownerKey(owner)).digest().readUInt32BE(0) % (UID_SPAN / 2))
  return { daemon, agent: daemon + 1 }
}

export const OUTSIDE_DIR = '/var/lib/berth/machines'
const dirsOf = ({ home, outside }: Place, owner: Owner): string[] => [machineDir(home, owner), ...(outside === null ? [] : [outsideDir(outside, owner)])]
const outsideDir = (outside: string, owner: Owner): string => join(outside, owner.installation, owner.workspaceId, `machine-g${owner.generation}`)

export async function readMachine(place: Place, owner: Owner): Promise<MachineFiles | null> {
  for (const dir of dirsOf(place, owner)) {
    if ((await lstat(dir).catch(() => null)) !== null) return { dir, record: await readRecord(dir) }
  }
  return null
}

async function readRecord(dir: string): Promise<MachineRecord | null> {
  const value = await readJson<MachineRecord>(join(dir, 'machine.json'))
  return value !== null && value.version === 1 && typeof value.owner?.installation === 'string' ? value : null
}

export async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch {
    return null
  }
}
export const readProcess = (dir: string): Promise<ProcessFile | null> => readJson<ProcessFile>(join(dir, 'process.json'))
export const readExit = (dir: string): Promise<ExitFile | null> => readJson<ExitFile>(join(dir, 'exit.json'))

/** Filled beside its place and renamed: a machine directory is always whole. */
export async function createMachine(place: Place, record: MachineRecord): Promise<MachineFiles> {
  const dir = await placeFor(place, record)
  const making = `.making-${record.owner.generation}-`
  const staging = join(dirname(dir), `${making}${randomBytes(6).toString('hex')}`)
  // Nobody else makes this machine now: what is there is of a server that was killed at it.
  for (const name of await readdir(dirname(dir)).catch(() => [])) if (name.startsWith(making)) await removeDebris(join(dirname(dir), name))
  await mkdir(dirname(dir), { recursive: true, mode: 0o755 })
  try {
    await mkdir(staging, { mode: 0o711 })
    await chmod(staging, 0o711)
    for (const name of ['state', ...AGENT_DIRS]) {
      await mkdir(join(staging, name), { mode: 0o700 })
      await give(join(staging, name), name === 'state' ? record.uid : record.agentUid ?? record.uid)
    }
    await writeFile(join(staging, 'machine.json'), JSON.stringify(record), { mode: 0o600 })
    await rename(staging, dir)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return { dir, record }
}

/** Without a sandbox the machine's uid must reach its directory by itself: a home below /root is no place for it, nor one whose workspaces only the server may enter. */
async function placeFor({ home, outside }: Place, record: MachineRecord): Promise<string> {
  const below = machineDir(home, record.owner)
  return outside === null || record.uid === null || record.isolation === 'sandbox' || await everybodyReaches(dirname(below)) ? below : outsideDir(outside, record.owner)
}

/** Also by root without its power over other users' files, which it lacks while it makes a sandbox with two users. */
export async function plainRootReaches(path: string): Promise<boolean> {
  for (let dir = path; dir !== dirname(dir); dir = dirname(dir)) {
    const found = await stat(dir).catch(() => null)
    if (found !== null && found.uid !== 0 && (found.mode & 0o001) === 0) return false
  }
  return true
}

async function everybodyReaches(path: string): Promise<boolean> {
  for (let dir = path; ; dir = dirname(dir)) {
    const found = await stat(dir).catch(() => null)
    if (found !== null && (found.mode & 0o001) === 0) return false
    if (dir === dirname(dir)) return true
  }
}

/** A directory made new for each start, replacing whatever stood there. */
export async function replaceDir(path: string, uid: number | null, files: Readonly<Record<string, string>> = {}, enteredBy?: number): Promise<void> {
  const fresh = `${path}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(fresh, name), content, { mode: 0o600, flag: 'wx' })
    await give(join(fresh, name), uid)
  }
  await give(fresh, uid)
  if (enteredBy !== undefined) {
    await chown(fresh, uid ?? -1, enteredBy)
    await chmod(fresh, 0o750)
  }
  await rm(path, { recursive: true, force: true })
  await rename(fresh, path)
}

async function give(path: string, uid: number | null): Promise<void> {
  if (uid !== null) await chown(path, uid, uid)
}

/** First out of sight in one step, then removed, so a crash in between leaves a leftover and not half a machine. */
export async function removeMachine(dir: string): Promise<void> {
  const doomed = join(dirname(dir), `.removing-${DIR_NAME.exec(basename(dir))?.[1] ?? 0}-${randomBytes(6).toString('hex')}`)
  await rename(dir, doomed)
  await removeDebris(doomed)
}

/** Directories above a machine that vanished behind our back. */
export async function removeEmptyParents(place: Place, owner: Owner): Promise<void> {
  for (const dir of dirsOf(place, owner)) await rmdir(dirname(dir)).catch(() => {})
  if (place.outside !== null) await rmdir(dirname(dirname(outsideDir(place.outside, owner)))).catch(() => {})
}

/** The directories above go when they are empty; a machine that is made at this moment keeps them. */
export async function removeDebris(path: string): Promise<void> {
  await removeTree(path)
  await rmdir(dirname(path)).catch(() => {})
  if (path.startsWith(`${OUTSIDE_DIR}/`)) await rmdir(dirname(dirname(path))).catch(() => {})
}

/** Also trees whose directories their owner made read-only, which stops everyone but root. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch {
    await makeRemovable(path)
    await rm(path, { recursive: true, force: true })
  }
}

async function makeRemovable(dir: string): Promise<void> {
  const pending = [dir]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    await chmod(next, 0o700)
    for (const entry of await readdir(next, { withFileTypes: true })) if (entry.isDirectory()) pending.push(join(next, entry.name))
  }
}

export interface Debris { readonly path: string; readonly workspaceId: string; readonly generation: number }
/** Every machine directory and every unfinished one of this home and installation. */
export async function scan({ home, outside }: Place, installation: string): Promise<{ machines: MachineFiles[]; debris: Debris[] }> {
  const machines: MachineFiles[] = []
  const debris: Debris[] = []
  for (const root of [workspacesDir(home), ...(outside === null ? [] : [join(outside, installation)])]) {
    for (const workspaceId of await readdir(root).catch(() => [])) {
      const parent = join(root, workspaceId)
      for (const name of await readdir(parent).catch(() => [])) {
        if (DIR_NAME.test(name)) machines.push({ dir: join(parent, name), record: await readRecord(join(parent, name)) })
        const unfinished = DEBRIS_NAME.exec(name)
        if (unfinished !== null) debris.push({ path: join(parent, name), workspaceId, generation: Number(unfinished[1]) })
      }
    }
  }
  return { machines, debris }
}

/** What a crash left of this machine's making or removing; whoever destroys the machine means that too. */
export async function removeDebrisOf(place: Place, owner: Owner): Promise<void> {
  const { debris } = await scan(place, owner.installation)
  for (const { path, workspaceId, generation } of debris) if (workspaceId === owner.workspaceId && generation === owner.generation) await removeDebris(path)
}
