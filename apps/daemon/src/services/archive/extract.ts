/**
 * `extract DIR`: unpacks a tar.zst from standard input into an empty directory. It runs as the agent's user, so
 * whatever an archive tries, it can reach nothing that the agent could not; and it refuses to leave DIR anyway.
 */
import { closeSync, lstatSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { readTar } from './tar.ts'
import type { TarMember } from './tar.ts'

export const ARCHIVE_LIMITS = { bytes: 64 * 1024 ** 3, members: 1_000_000, pathBytes: 4096 } as const

export async function extractMain(argv: readonly string[]): Promise<number> {
  const dir = argv[0]
  if (dir === undefined) return 2
  // The type of the platform's stream lacks zstd, the platform does not.
  const unzip = new DecompressionStream('zstd' as CompressionFormat)
  await extractTar(Bun.stdin.stream().pipeThrough(unzip as unknown as ReadableWritablePair<Uint8Array, Uint8Array>), dir)
  return 0
}

export async function extractTar(source: AsyncIterable<Uint8Array>, dir: string, limits: Readonly<Record<'bytes' | 'members', number>> = ARCHIVE_LIMITS): Promise<{ members: number; bytes: number }> {
  const count = { members: 0, bytes: 0 }
  const made = new Set<string>([dir])
  let open: number | null = null
  try {
    for await (const event of readTar(source)) {
      if (event.type === 'data') {
        if (open !== null) writeAll(open, event.bytes)
      } else if (event.type === 'end') {
        if (open !== null) closeSync(open)
        open = null
      } else {
        count.members++
        count.bytes += event.member.size
        if (count.members > limits.members || count.bytes > limits.bytes) throw new BerthError('too_large', 'the archive is larger than a workspace may begin with')
        open = begin(dir, event.member, made)
      }
    }
  } finally {
    if (open !== null) closeSync(open)
  }
  return count
}

function begin(dir: string, member: TarMember, made: Set<string>): number | null {
  const path = safePath(dir, member.path)
  if (path === null) return null
  makeParents(dir, dirname(path), made)
  switch (member.kind) {
    case 'directory':
      makeParents(dir, path, made)
      return null
    case 'file': return openSync(path, 'wx', (member.mode & 0o777) | 0o600)
    case 'symlink':
      symlinkSync(member.target, path)
      return null
    case 'other': throw new BerthError('bad_request', `the archive holds something that is neither file, directory nor link: ${member.path}`)
  }
}

/** Null: the directory itself. */
export function safePath(dir: string, name: string): string | null {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (name.startsWith('/') || parts.includes('..') || name.includes('\0') || Buffer.byteLength(name) > ARCHIVE_LIMITS.pathBytes) {
    throw new BerthError('bad_request', `the archive holds a path that leaves its directory: ${name.slice(0, 200)}`)
  }
  return parts.length === 0 ? null : join(dir, ...parts)
}

/** A link in the place of a directory would lead elsewhere. */
export function makeParents(dir: string, path: string, made: Set<string>): void {
  if (made.has(path)) return
  makeParents(dir, dirname(path), made)
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there === undefined) mkdirSync(path)
  else if (!there.isDirectory()) throw new BerthError('bad_request', `the archive writes through a link: ${path.slice(dir.length + 1)}`)
  made.add(path)
}

export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
}
