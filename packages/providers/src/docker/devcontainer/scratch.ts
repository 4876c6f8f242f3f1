/** The copy of a project that its build reads, and the build's own files. It goes when the build does, or the server. */
import { rmSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'berth-devcontainer-'
const REMOVALS = 5
const BETWEEN_REMOVALS_MS = 20
/** No build goes on for so long. */
const KEPT_MS = 24 * 60 * 60_000

export interface Scratch { readonly path: string; close(): Promise<void> }

export async function openScratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), PREFIX))
  const remove = (): void => { removeNow(path) }
  process.once('exit', remove)
  return {
    path,
    async close() {
      await rm(path, { recursive: true, force: true })
      process.off('exit', remove)
    },
  }
}

/** Those of servers that were killed. */
export async function tidyScratch(now: number): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((one) => one.startsWith(PREFIX))) {
    const path = join(tmpdir(), name)
    const found = await lstat(path).catch(() => null)
    if (found !== null && found.isDirectory() && found.uid === process.geteuid?.() && now - found.mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true })
  }
}

/** What wrote there was killed a moment ago, and may have begun one more file. */
function removeNow(path: string): void {
  for (let tries = 1; tries <= REMOVALS; tries++) {
    try {
      return rmSync(path, { recursive: true, force: true })
    } catch {
      Bun.sleepSync(BETWEEN_REMOVALS_MS)
    }
  }
}
