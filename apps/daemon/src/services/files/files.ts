/** The tree for people who look: directories, fuzzy search, files. All of it is read by processes of the agent's user. */
import { createHash } from 'node:crypto'
import type { FileContent, FileEntry } from '@berth/wire/files-methods'
import { BerthError } from '@berth/wire/error'
import { LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import type { DaemonParams, DaemonResult } from '@berth/wire/daemon'
import type { AsAgent } from '../../contracts.ts'
import { isRepository } from '../git/repository.ts'
import { createSafeGit } from '../git/safe-git.ts'
import type { SafeGit } from '../git/safe-git.ts'
import { askLook } from './ask-look.ts'
import { bestMatches } from './fuzzy.ts'
import type { Answer, Question, Refusal } from './look.ts'

export interface FilesDeps { readonly asAgent: AsAgent; readonly workDir: string }
export interface Files {
  list(request: DaemonParams<'files.list'>, signal: AbortSignal): Promise<DaemonResult<'files.list'>>
  read(request: DaemonParams<'files.read'>, signal: AbortSignal): Promise<FileContent>
  write(request: DaemonParams<'files.write'>, signal: AbortSignal): Promise<DaemonResult<'files.write'>>
}

const SEARCHED_FILES = 50_000
const STATUS_LIMIT_BYTES = 4 * 1024 * 1024
/** In base64 and as JSON it must fit one message of the link. */
const IMAGE_LIMIT_BYTES = Math.floor(LINK_MESSAGE_LIMIT * 0.7)
const TEXT_LIMIT_BYTES = LINK_MESSAGE_LIMIT - 64 * 1024
const PATHS_LIMIT_BYTES = 16 * 1024 * 1024

type Change = FileEntry['change']

export function createFiles({ asAgent, workDir }: FilesDeps): Files {
  const git = createSafeGit(asAgent, workDir)
  const look = <Q extends Question>(question: Q, signal: AbortSignal): Promise<Exclude<Answer<Q>, Refusal>> => lookOrRefuse(asAgent, question, signal)

  const search = async (query: string, limit: number, signal: AbortSignal) => {
    const known = await isRepository(git)
    const paths = known ? await trackedAndNew(git, signal) : (await look({ do: 'walk', root: workDir, limit: SEARCHED_FILES }, signal)).entries.map(({ path }) => path)
    const best = bestMatches(paths.slice(0, SEARCHED_FILES), query, limit)
    const [{ entries }, changes] = await Promise.all([
      look({ do: 'stat', root: workDir, paths: best.paths }, signal), known ? changesBelow(git, '', signal) : new Map<string, Change>(),
    ])
    return { entries: entries.map((entry) => ({ ...entry, change: changes.get(entry.path) ?? null })), truncated: best.truncated || paths.length > SEARCHED_FILES }
  }

  return {
    async list({ dir, query, limit }, signal) {
      if (query !== null && query.trim() !== '') return fitting(await search(query, limit, signal))
      const clean = cleanDir(dir)
      const [{ entries, truncated }, changes] = await Promise.all([
        look({ do: 'list', root: workDir, dir: clean, limit }, signal),
        isRepository(git).then((known) => (known ? changesBelow(git, clean, signal) : new Map<string, Change>())),
      ])
      const within = changesOfDirectories(clean, changes)
      const there = entries.map((entry) => ({ ...entry, change: (entry.kind === 'directory' ? within : changes).get(entry.path) ?? null }))
      return fitting({ entries: [...there, ...deletedIn(clean, changes, new Set(there.map(({ path }) => path)))].slice(0, limit), truncated })
    },
    async read({ path, limitBytes }, signal) {
      const { sizeBytes, base64 } = await look({ do: 'read', root: workDir, path, limitBytes }, signal)
      const bytes = Buffer.from(base64, 'base64')
      const content = contentOf(path, { sizeBytes, bytes })
      return bytes.length < sizeBytes ? content : { ...content, sha256: createHash('sha256').update(bytes).digest('hex') }
    },
    async write({ path, text, expect }, signal) {
      return { path, ...(await look({ do: 'write', root: workDir, path, text, expect }, signal)) }
    },
  }
}

const REFUSALS: Record<Refusal['refused'], { code: 'not_found' | 'forbidden' | 'bad_request' | 'conflict' | 'no_space'; message: string }> = {
  changed: { code: 'conflict', message: 'the file is another by now: read it again' },
  'no-space': { code: 'no_space', message: 'there is no space left on the disk of the workspace' },
  outside: { code: 'forbidden', message: 'that leads out of the tree' },
  absent: { code: 'not_found', message: 'there is no such file' },
  'not-a-file': { code: 'bad_request', message: 'that is no file' },
  'not-a-directory': { code: 'bad_request', message: 'that is no directory' },
  'not-allowed': { code: 'forbidden', message: 'the agent itself may not read that' },
}

async function lookOrRefuse<Q extends Question>(asAgent: AsAgent, question: Q, signal: AbortSignal): Promise<Exclude<Answer<Q>, Refusal>> {
  const answer = await askLook(asAgent, question, signal)
  if (!('refused' in answer)) return answer as Exclude<Answer<Q>, Refusal>
  if (answer.refused === 'failed') throw new BerthError('internal', `the tree could not be read: ${answer.why}`)
  const { code, message } = REFUSALS[answer.refused]
  throw new BerthError(code, message)
}

/** As git writes it: no dots, no empty parts. */
export function cleanDir(dir: string): string {
  const parts = dir.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new BerthError('forbidden', 'that leads out of the tree')
  return parts.join('/')
}

async function trackedAndNew(git: SafeGit, signal: AbortSignal): Promise<string[]> {
  const listed = await git(['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'], { limitBytes: PATHS_LIMIT_BYTES, signal })
  return listed.split('\0').slice(0, -1)
}

async function changesBelow(git: SafeGit, dir: string, signal: AbortSignal): Promise<Map<string, Change>> {
  const status = await git.attempt(['status', '--porcelain=v1', '-z', '--untracked-files=all', '--ignore-submodules=all', '--no-renames', '--', dir === '' ? '.' : `:(literal)${dir}`], { limitBytes: STATUS_LIMIT_BYTES, signal })
  return status.exitCode === 0 ? changesIn(status.stdout) : new Map()
}

function changesIn(status: string): Map<string, Change> {
  return new Map(status.split('\0').slice(0, -1).map((line) => [line.slice(3), changeNamed(line.slice(0, 2))]))
}

function changeNamed(letters: string): Change {
  if (letters === '??') return 'untracked'
  if (letters[1] === 'D' || letters === 'D ') return 'deleted'
  return letters.includes('A') ? 'added' : 'modified'
}

/** A directory is changed when something in it is. Each change is looked at once, whatever their number. */
function changesOfDirectories(dir: string, changes: ReadonlyMap<string, Change>): Map<string, Change> {
  const from = dir === '' ? 0 : dir.length + 1
  const found = new Map<string, Change>()
  for (const [path, change] of changes) {
    const end = path.indexOf('/', from)
    if (end < 0) continue
    const name = path.slice(0, end)
    found.set(name, change === 'untracked' && (found.get(name) ?? 'untracked') === 'untracked' ? 'untracked' : 'modified')
  }
  return found
}

function deletedIn(dir: string, changes: ReadonlyMap<string, Change>, there: ReadonlySet<string>): FileEntry[] {
  const prefix = dir === '' ? '' : `${dir}/`
  return [...changes].flatMap(([path, change]) =>
    change === 'deleted' && path.startsWith(prefix) && !path.slice(prefix.length).includes('/') && !there.has(path) ? [{ path, kind: 'file' as const, sizeBytes: null, change }] : [])
}

const LIST_LIMIT_BYTES = LINK_MESSAGE_LIMIT / 2
/** Names can be long: what does not fit one message is left out. */
function fitting(listed: { entries: FileEntry[]; truncated: boolean }): { entries: FileEntry[]; truncated: boolean } {
  // A path is at most 4096 characters in the contract.
  let entries = listed.entries.filter(({ path }) => path.length <= 4096)
  while (entries.length > 0 && Buffer.byteLength(JSON.stringify(entries)) > LIST_LIMIT_BYTES) entries = entries.slice(0, Math.floor(entries.length / 2))
  return { entries, truncated: listed.truncated || entries.length < listed.entries.length }
}

const IMAGES: readonly (readonly [string, string])[] = [['image/png', '89504e470d0a1a0a'], ['image/jpeg', 'ffd8ff'], ['image/gif', '47494638']]
const BINARY_LOOK_BYTES = 8000

export function contentOf(path: string, { sizeBytes, bytes }: { sizeBytes: number; bytes: Buffer }): FileContent {
  const imageType = imageTypeOf(bytes)
  const whole = bytes.length >= sizeBytes
  if (imageType !== null) {
    const fits = whole && bytes.length <= IMAGE_LIMIT_BYTES
    return { path, sizeBytes, binary: true, truncated: !fits, text: fits ? bytes.toString('base64') : '', imageType }
  }
  const text = textOf(bytes)
  if (text === null) return { path, sizeBytes, binary: true, truncated: !whole, text: '', imageType: null }
  const kept = cutToMessage(text)
  return { path, sizeBytes, binary: false, truncated: !whole || kept.length < text.length, text: kept, imageType: null }
}

function imageTypeOf(bytes: Buffer): string | null {
  const start = bytes.subarray(0, 16).toString('hex')
  const known = IMAGES.find(([, magic]) => start.startsWith(magic))?.[0]
  if (known !== undefined) return known
  const [riff, form] = [bytes.subarray(0, 4).toString('latin1'), bytes.subarray(8, 12).toString('latin1')]
  if (riff === 'RIFF' && form === 'WEBP') return 'image/webp'
  return bytes.subarray(4, 12).toString('latin1') === 'ftypavif' ? 'image/avif' : null
}

function textOf(bytes: Buffer): string | null {
  if (bytes.subarray(0, BINARY_LOOK_BYTES).includes(0)) return null
  try {
    // What is cut may end within a character.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return null
  }
}

/** As JSON a control character takes six bytes. */
function cutToMessage(text: string): string {
  let kept = text
  while (Buffer.byteLength(JSON.stringify(kept)) > TEXT_LIMIT_BYTES) kept = kept.slice(0, Math.floor(kept.length * 0.8)).toWellFormed()
  return kept
}
