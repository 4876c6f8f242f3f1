/**
 * `state unpack HOME WORK`: a saved state from standard input, into a home that may have something in it and an empty tree. It
 * runs as the agent's user; what stands in the way of a file in the home is replaced.
 */
import { chmodSync, closeSync, futimesSync, fchmodSync, lstatSync, openSync, rmSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { ARCHIVE_LIMITS, makeParents, safePath, writeAll } from '../archive/extract.ts'
import { readTar } from '../archive/tar.ts'
import type { TarMember } from '../archive/tar.ts'

interface Places { readonly home: string; readonly work: string }
interface State { readonly places: Places; readonly made: ReadonlyMap<string, Set<string>>; /** Given their modes when all is in them. */ readonly directories: { path: string; mode: number }[] }

export async function unpackMain(argv: readonly string[]): Promise<number> {
  const [home, work] = argv
  if (home === undefined || work === undefined) return 2
  // The type of the platform's stream lacks zstd, the platform does not.
  const unzip = new DecompressionStream('zstd' as CompressionFormat)
  await unpackTar(Bun.stdin.stream().pipeThrough(unzip as unknown as ReadableWritablePair<Uint8Array, Uint8Array>), { home, work })
  return 0
}

export async function unpackTar(source: AsyncIterable<Uint8Array>, places: Places): Promise<{ members: number; bytes: number }> {
  const count = { members: 0, bytes: 0 }
  const state: State = { places, made: new Map([[places.home, new Set([places.home])], [places.work, new Set([places.work])]]), directories: [] }
  let open: { descriptor: number; member: TarMember } | null = null
  try {
    for await (const event of readTar(source)) {
      if (event.type === 'data') {
        if (open !== null) writeAll(open.descriptor, event.bytes)
      } else if (event.type === 'end') {
        if (open !== null) finish(open)
        open = null
      } else {
        count.members += 1
        count.bytes += event.member.size
        if (count.members > ARCHIVE_LIMITS.members || count.bytes > ARCHIVE_LIMITS.bytes) throw new BerthError('too_large', 'the saved state is larger than a workspace may begin with')
        open = begin(state, event.member)
      }
    }
  } finally {
    if (open !== null) closeSync(open.descriptor)
  }
  for (const { path, mode } of state.directories.toReversed()) chmodSync(path, mode)
  return count
}

function begin(state: State, member: TarMember): { descriptor: number; member: TarMember } | null {
  const { top, path } = placeOf(state, member.path)
  if (path === null) return null
  const made = state.made.get(top) ?? new Set<string>()
  makeParents(top, dirname(path), made)
  clear(path, member.kind)
  switch (member.kind) {
    case 'directory':
      makeParents(top, path, made)
      state.directories.push({ path, mode: member.mode & 0o777 })
      return null
    case 'file': return { descriptor: openSync(path, 'wx', 0o600), member }
    case 'symlink':
      symlinkSync(member.target, path)
      return null
    case 'other': throw new BerthError('bad_request', `the saved state holds something that is neither file, directory nor link: ${member.path}`)
  }
}

function placeOf({ places }: State, name: string): { top: string; path: string | null } {
  const [first = '', ...rest] = name.split('/')
  const top = first === 'home' ? places.home : first === 'work' ? places.work : null
  if (top === null) throw new BerthError('bad_request', `the saved state holds a path of neither home nor tree: ${name.slice(0, 200)}`)
  return { top, path: safePath(top, rest.join('/')) }
}

function clear(path: string, kind: TarMember['kind']): void {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there !== undefined && !(kind === 'directory' && there.isDirectory())) rmSync(path, { recursive: true })
}

function finish({ descriptor, member }: { descriptor: number; member: TarMember }): void {
  fchmodSync(descriptor, member.mode & 0o777)
  futimesSync(descriptor, member.mtimeSeconds, member.mtimeSeconds)
  closeSync(descriptor)
}
