/**
 * The directory of the code before the code is there. A project may have volumes below it (a cache of packages): their
 * places are made with the machine, and are no work of anybody.
 */
import { chownSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export interface WorkDirectory {
  /** What is in it, but for places of volumes and the way to them. */
  names(): string[]
  /** Only while nobody else runs here: it is walked by the daemon's own user. */
  clear(): void
  /** The way to the volumes was made by the engine, as root's. */
  giveTo(user: { readonly uid: number; readonly gid: number }): void
}

export function createWorkDirectory(dir: string, mountPoints: () => readonly string[] = mountsOfThisProcess): WorkDirectory {
  const mounts = (): string[] => mountPoints().filter((path) => path.startsWith(`${dir}/`))
  return {
    names: () => readdirSync(dir).filter((name) => !isOnlyWay(join(dir, name), mounts())),
    clear() {
      for (const name of readdirSync(dir)) clearOf(join(dir, name), mounts())
    },
    giveTo({ uid, gid }) {
      const ways = new Set(mounts().flatMap((path) => waysTo(path, dir)))
      for (const path of ways) chownSync(path, uid, gid)
    },
  }
}

const leadsOn = (path: string, mounts: readonly string[]): boolean => mounts.some((mount) => mount.startsWith(`${path}/`))

function isOnlyWay(path: string, mounts: readonly string[]): boolean {
  if (mounts.includes(path)) return true
  return leadsOn(path, mounts) && readdirSync(path).every((name) => isOnlyWay(join(path, name), mounts))
}

function clearOf(path: string, mounts: readonly string[]): void {
  if (mounts.includes(path)) return
  if (!leadsOn(path, mounts)) return rmSync(path, { recursive: true, force: true })
  for (const name of readdirSync(path)) clearOf(join(path, name), mounts)
}

/** The place itself and every directory above it, up to the top. */
function waysTo(path: string, top: string): string[] {
  const parts = path.slice(top.length + 1).split('/')
  return parts.map((_, at) => join(top, ...parts.slice(0, at + 1)))
}

/** Pure: proc_pid_mountinfo(5), where spaces and the like are written in octal. */
export function mountPointsIn(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const path = line.split(' ')[4]
    return path === undefined ? [] : [path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))]
  })
}

function mountsOfThisProcess(): string[] {
  try {
    return mountPointsIn(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    // No Linux: no volumes either.
    return []
  }
}
