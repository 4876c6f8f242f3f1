/** What of a person's directory is to be in the workspace: git says which files, and as which blobs. */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ignoredPaths } from '@berth/wire/ignored-paths'
import type { SyncEntry } from '@berth/wire/sync-frames'
import { ALWAYS_HOME } from '../source/archive.ts'
import { git, tryGit } from '../source/git.ts'
import { isSecretName } from '../source/secret-names.ts'
import type { Place } from '../source/take.ts'
import { entriesOf, isGits, nestedIn, onDisk, parentOf, statOrNone } from './paths.ts'

/** A file of this machine. `raw`: its bytes are the blob; else git has it in another form. */
export interface LocalFile extends SyncEntry { readonly size: number; readonly raw: boolean }
export interface Content { readonly oid: string; readonly bytes: Uint8Array }
export interface LocalFiles {
  /** Of these paths those that nobody wants in the workspace. */
  ignored(paths: readonly string[]): Promise<ReadonlySet<string>>
  /** Each wanted file at or below these paths; null: it is not there (any more). `known`: what is in the workspace. */
  look(paths: Iterable<string>, known: ReadonlyMap<string, SyncEntry>): Promise<Map<string, LocalFile | null>>
  /** What is to stand there where git keeps it in another form, and its blob; null: the file as it is. */
  content(path: string, file: LocalFile): Promise<Content | null>
}
/** Beyond it a file is not held in memory. */
export const HASHED_WHOLE = 16 * 1024 * 1024

export async function openLocalFiles(place: Place, options: { scratch: string; include: readonly string[]; signal: AbortSignal }): Promise<LocalFiles> {
  const { scratch, signal } = options
  const top = place.path
  const env: Record<string, string> = place.git ? {} : { GIT_DIR: join(scratch, 'sync.git'), GIT_WORK_TREE: top }
  const run = { cwd: top, signal, env, bytes: true, config: [['core.bare', 'false']] as const }
  if (!place.git) {
    await git(['init', '--quiet', '--bare', env['GIT_DIR'] ?? ''], { cwd: scratch, signal })
    await mkdir(join(scratch, 'sync.git/info'), { recursive: true })
    await appendFile(join(scratch, 'sync.git/info/exclude'), `${ALWAYS_HOME.join('\n')}\n`)
  }
  const isNamed = named(options.include)

  const ignored = async (paths: readonly string[]): Promise<ReadonlySet<string>> => {
    const told = await ignoredPaths(paths, (input) => tryGit(['check-ignore', '-z', '--stdin'], { ...run, input: Buffer.from(input, 'latin1') }))
    return new Set([...told.ignored.filter((path) => !isNamed(path)), ...told.beyond])
  }

  return {
    ignored,
    async look(paths, known) {
      const isNested = nestedIn(top)
      const wanted = new Set([...paths].filter((path) => !isGits(path) && !isNested(path.replace(/\/$/, ''))).flatMap((path) => filesAt(top, path, known)))
      const away = await ignored([...wanted].filter((path) => !known.has(path)))
      const found = new Map<string, LocalFile | null>()
      const files: string[] = []
      for (const path of wanted) {
        if (away.has(path) || (!known.has(path) && isSecretName(path) && !isNamed(path))) continue
        const here = lookAt(top, path)
        found.set(path, here)
        if (here !== null && here.mode !== '120000') files.push(path)
      }
      for (const [path, oid] of await cleanIds(run, files)) {
        const here = found.get(path)
        // What was written to between the two readings is only seen as other bytes; it is looked at again soon.
        if (here) found.set(path, { ...here, oid, raw: here.oid === oid || here.oid === '' || lookAt(top, path)?.oid !== here.oid })
      }
      return found
    },
    async content(path, file) {
      if (file.raw) return null
      const large = file.size > HASHED_WHOLE
      const [, , eol] = (await git(['check-attr', '-z', 'eol', '--', textFrom(path)], { ...run, bytes: false })).split('\0')
      const bytes = large ? null : readFileSync(onDisk(top, path))
      const own = { ...run, env: { ...env, ...await objectsOf() } }
      const asked = bytes === null ? ['--', `./${textFrom(path)}`] : ['--stdin', `--path=${textFrom(path)}`]
      const oid = (await git(['hash-object', '-w', ...asked], { ...own, ...(bytes === null ? {} : { input: bytes }) })).trim()
      // The attribute holds there too, so there it also stands with these line ends.
      if (eol === 'crlf' && bytes !== null) return { oid, bytes }
      return { oid, bytes: Buffer.from(await git(['cat-file', 'blob', oid], own), 'latin1') }
    },
  }

  /** New objects are ours; the repository's own stay as they are. */
  async function objectsOf(): Promise<Record<string, string>> {
    const objects = join(scratch, 'objects')
    await mkdir(objects, { recursive: true })
    const own = (await git(['rev-parse', '--git-path', 'objects'], { ...run, bytes: false })).trim()
    return { GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: resolve(top, own) }
  }
}

const textFrom = (path: string): string => Buffer.from(path, 'latin1').toString()

/** Literally, below it, or as a glob. */
function named(include: readonly string[]): (path: string) => boolean {
  const patterns = include.map((pattern) => Buffer.from(pattern.replace(/^(\.\/)+/, '').replace(/\/+$/, '')).toString('latin1'))
  const globs = patterns.map((pattern) => new Bun.Glob(pattern))
  return (path) => patterns.some((pattern, at) => path === pattern || path.startsWith(`${pattern}/`) || globs[at]?.match(path) === true)
}

/** Files there, and those that were there as far as anybody knows. With a slash behind it: those right in the directory. */
function filesAt(top: string, path: string, known: ReadonlyMap<string, SyncEntry>): string[] {
  if (path.endsWith('/')) {
    const dir = path.slice(0, -1)
    return [...[...known.keys()].filter((one) => parentOf(one) === dir), ...entriesOf(top, dir).filter((entry) => !entry.directory).map((entry) => entry.path)]
  }
  const stats = path === '' ? null : statOrNone(top, path)
  const isDirectory = path === '' || stats?.isDirectory() === true
  // A directory that is no more, or was none before: what was below it.
  const below = isDirectory || (stats === null && !known.has(path)) ? [...known.keys()].filter((one) => path === '' || one.startsWith(`${path}/`)) : []
  return isDirectory ? [...(known.has(path) ? [path] : []), ...below, ...walk(top, path)] : [path, ...below]
}

function walk(top: string, dir: string): string[] {
  const entries = entriesOf(top, dir)
  if (dir !== '' && entries.some(({ path }) => path === `${dir}/.git`)) return []
  return entries.flatMap(({ path, directory }) => (isGits(path) ? [] : directory ? walk(top, path) : [path]))
}

/** Null where there is no file or link. `oid` is of its bytes; empty where it is too large to be read twice. */
function lookAt(top: string, path: string): LocalFile | null {
  try {
    const file = onDisk(top, path)
    // Through a link to a directory it is another directory's file.
    for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) if (!lstatSync(onDisk(top, parent)).isDirectory()) return null
    const stats = lstatSync(file)
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(file, { encoding: 'buffer' })
      return { mode: '120000', size: target.length, oid: blobId(target), raw: true }
    }
    if (!stats.isFile()) return null
    return { mode: (stats.mode & 0o100) === 0 ? '100644' : '100755', size: stats.size, oid: stats.size > HASHED_WHOLE ? '' : blobId(readFileSync(file)), raw: true }
  } catch {
    return null
  }
}

export const blobId = (bytes: Uint8Array): string => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/** What vanished while git read is asked for one by one. */
async function cleanIds(run: Parameters<typeof git>[1], paths: readonly string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  if (paths.length === 0) return ids
  const listed = paths.filter((path) => !/[\n"]/.test(path))
  const told = await tryGit(['hash-object', '--stdin-paths'], { ...run, input: Buffer.from(listed.map((path) => `${path}\n`).join(''), 'latin1') })
  const lines = told.stdout.split('\n').filter(Boolean)
  listed.forEach((path, at) => { const oid = lines[at]; if (oid !== undefined) ids.set(path, oid) })
  for (const path of paths.filter((one) => !ids.has(one))) {
    const alone = await tryGit(['hash-object', '--', `./${textFrom(path)}`], run)
    if (alone.code === 0) ids.set(path, alone.stdout.trim())
  }
  return ids
}
