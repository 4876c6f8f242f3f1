/**
 * `state pack HOME WORK`: the tree and the home as tar.zst on standard output. It runs as the agent's user, so it reads what the
 * agent could read and nothing else. Names that stay behind besides the known ones come as JSON on standard input; what
 * came of it is one line of JSON on standard error.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import { CLAUDE_SETTINGS, stays, withoutLogin } from './left-out.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts'

const CHUNK = 256 * 1024
const SETTINGS_LIMIT = 16 * 1024 * 1024
export const LEFT_OUT_LIMIT = 100
/** Whoever reads it unpacks no more than this. */
export const PLAIN_LIMIT_BYTES = 64 * 1024 ** 3
export const FILES_LIMIT = 1_000_000
/** Of a git that died or is at work: it would keep the copy from being used. */
const GIT_LOCK = /(^|\/)\.git\/(?:.*\/)?[^/]+\.lock$/

export interface Packed { readonly files: number; readonly plainBytes: number; readonly leftOut: readonly string[] }
interface Walk { readonly root: string; readonly prefix: 'home' | 'work'; readonly given: ReadonlySet<string>; readonly skip: string | null; readonly sum: Sum }
interface Sum { files: number; plainBytes: number; readonly leftOut: string[] }

export async function packMain(argv: readonly string[]): Promise<number> {
  const [home, work] = argv
  if (home === undefined || work === undefined) return 2
  const given = JSON.parse(await Bun.stdin.text()) as string[]
  const sum: Sum = { files: 0, plainBytes: 0, leftOut: [] }
  await pipeline(Readable.from(members({ home, work, given: new Set(given), sum })), createZstdCompress(), process.stdout)
  process.stderr.write(`${JSON.stringify({ files: sum.files, plainBytes: sum.plainBytes, leftOut: sum.leftOut.slice(0, LEFT_OUT_LIMIT) } satisfies Packed)}\n`)
  return 0
}

export function* members({ home, work, given, sum }: { home: string; work: string; given: ReadonlySet<string>; sum: Sum }): Generator<Uint8Array> {
  yield* walk({ root: home, prefix: 'home', given, sum, skip: work.startsWith(`${home}/`) ? work.slice(home.length + 1) : null }, '')
  yield* walk({ root: work, prefix: 'work', given: new Set(), sum, skip: null }, '')
  yield tarEnd()
}

function* walk(at: Walk, dir: string): Generator<Uint8Array> {
  for (const name of namesIn(at, dir)) {
    const path = dir === '' ? name : `${dir}/${name}`
    if (path === at.skip) continue
    const stats = lstatSync(join(at.root, path), { throwIfNoEntry: false })
    if (stats === undefined || staysBehind(at, path, stats)) continue
    at.sum.files += 1
    if (at.sum.files > FILES_LIMIT || at.sum.plainBytes > PLAIN_LIMIT_BYTES) throw new RangeError(`the workspace has more than ${FILES_LIMIT} files or ${PLAIN_LIMIT_BYTES / 1024 ** 3} GiB`)
    if (stats.isDirectory()) {
      yield tarHeader({ ...common(at, path, stats), kind: 'directory', sizeBytes: 0, target: '' })
      yield* walk(at, path)
    } else if (stats.isSymbolicLink()) yield tarHeader({ ...common(at, path, stats), kind: 'symlink', sizeBytes: 0, target: readlinkSync(join(at.root, path)) })
    else yield* file(at, path)
  }
}

/** In an order that does not change, names that are no text left out. */
function namesIn(at: Walk, dir: string): string[] {
  try {
    return readdirSync(join(at.root, dir)).filter((name) => {
      const isText = !name.includes('\ufffd')
      if (!isText) leave(at, `${dir}/${name}`)
      return isText
    }).toSorted()
  } catch {
    leave(at, `${dir}/`)
    return []
  }
}

function staysBehind(at: Walk, path: string, stats: Stats): boolean {
  if (!stats.isDirectory() && !stats.isSymbolicLink() && !stats.isFile()) return true
  if (GIT_LOCK.test(`${at.prefix}/${path}`)) return true
  if (at.prefix === 'work') return false
  const why = stays(stats.isDirectory() ? `${path}/` : path, at.given)
  if (why === 'private') leave(at, stats.isDirectory() ? `${path}/` : path)
  return why !== null
}

const common = (at: Walk, path: string, stats: Stats) => ({ path: `${at.prefix}/${path}`, mode: stats.mode, mtimeSeconds: Math.floor(stats.mtimeMs / 1000) })
const leave = ({ prefix, sum }: Walk, path: string): void => { if (sum.leftOut.length < LEFT_OUT_LIMIT) sum.leftOut.push(`${prefix}/${path}`.slice(0, 400)) }

/** As long as it was when it was opened: what grows meanwhile is cut, what shrinks is filled up. */
function* file(at: Walk, path: string): Generator<Uint8Array> {
  const descriptor = open(join(at.root, path))
  if (descriptor === null) return leave(at, path)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return leave(at, path)
    if (at.prefix === 'home' && CLAUDE_SETTINGS.has(path)) return yield* settings(at, path, { descriptor, stats })
    yield tarHeader({ ...common(at, path, stats), kind: 'file', sizeBytes: stats.size, target: '' })
    for (let left = stats.size; left > 0;) {
      const bytes = Buffer.allocUnsafe(Math.min(CHUNK, left))
      const read = readSync(descriptor, bytes, 0, bytes.length, null)
      const piece = read === 0 ? Buffer.alloc(bytes.length) : bytes.subarray(0, read)
      left -= piece.length
      at.sum.plainBytes += piece.length
      yield piece
    }
    yield tarPadding(stats.size)
  } finally {
    closeSync(descriptor)
  }
}

function* settings(at: Walk, path: string, { descriptor, stats }: { descriptor: number; stats: Stats }): Generator<Uint8Array> {
  const bytes = Buffer.alloc(Math.min(stats.size, SETTINGS_LIMIT))
  readSync(descriptor, bytes, 0, bytes.length, 0)
  const text = withoutLogin(bytes.toString('utf8'))
  if (text === null) return leave(at, path)
  const content = Buffer.from(text)
  at.sum.plainBytes += content.length
  yield tarHeader({ ...common(at, path, stats), kind: 'file', sizeBytes: content.length, target: '' })
  yield content
  yield tarPadding(content.length)
}

function open(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return null
  }
}
