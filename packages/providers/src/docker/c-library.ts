/**
 * The GNU C library for images that have none (musl, or nothing at all): the daemon and the agents are built for it.
 * This host's own is put into the container, beside whatever C library the image has; musl neither searches these
 * directories nor knows these names, so the image's own programs go on as they were.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TarEntry } from './tar.ts'

/** Where the programs look for the loader: fixed by the ABI (System V psABI for x86-64, AAPCS64). */
const LOADER: Readonly<Record<string, string>> = { x64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' }
/** What the daemon and the agents are linked against, and what that loads by itself to look up names. */
const LIBRARIES = ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libresolv.so.2', 'libnss_files.so.2', 'libnss_dns.so.2'] as const

export const GLIBC_LOADERS: readonly string[] = Object.values(LOADER)

/** The host's library as entries for a container's root; null on a host that has another one. */
export async function hostCLibrary(maps = '/proc/self/maps'): Promise<TarEntry[] | null> {
  const mapped = await readFile(maps, 'utf8').catch(() => '')
  const loader = LOADER[process.arch]
  // The loader has the directories that it searches built in: the libraries go where they are here.
  // An upgrade of this host leaves what runs mapped as `(deleted)`; the new files fit each other all the same.
  const mappedLoader = /\s(\/\S*\/ld-linux-[^/\s]+)(?: \(deleted\))?$/m.exec(mapped)?.[1]
  const library = /\s(\/\S*\/libc\.so\.6)(?: \(deleted\))?$/m.exec(mapped)?.[1]
  if (loader === undefined || mappedLoader === undefined || library === undefined) return null
  const dir = dirname(library)
  const files = await Promise.all([
    ...LIBRARIES.map((name) => fileEntry(join(dir, name), join(dir, name)).catch(() => null)),
    // Last: where it is, the others are too, even after a crash in between.
    fileEntry(mappedLoader, loader),
  ])
  return files.filter((entry) => entry !== null)
}

async function fileEntry(from: string, to: string): Promise<TarEntry> {
  return { path: to.slice(1), kind: 'file', mode: 0o755, content: await readFile(from) }
}
