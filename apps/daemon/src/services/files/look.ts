/**
 * `look`: reads directories and files as the agent's user, whose rights are the limit of what can be seen. A question
 * comes as JSON on standard input, its answer goes as JSON to standard output. A path is followed to where it really
 * is; what lies outside the root is refused, however it is written.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { write } from './write.ts'

export interface Looked { readonly path: string; readonly kind: 'file' | 'directory' | 'symlink' | 'submodule'; readonly sizeBytes: number | null }
export type Question =
  | { readonly do: 'list'; readonly root: string; readonly dir: string; readonly limit: number }
  | { readonly do: 'stat'; readonly root: string; readonly paths: readonly string[] }
  | { readonly do: 'walk'; readonly root: string; readonly limit: number }
  | { readonly do: 'read'; readonly root: string; readonly path: string; readonly limitBytes: number }
  | { readonly do: 'write'; readonly root: string; readonly path: string; readonly text: string; readonly expect: string | null }
  | { readonly do: 'read-all'; readonly root: string; readonly paths: readonly string[]; readonly limitBytes: number }
export type Refusal = { readonly refused: 'outside' | 'absent' | 'not-a-file' | 'not-a-directory' | 'not-allowed' | 'changed' | 'no-space' }
export interface Listed { readonly entries: Looked[]; readonly truncated: boolean }
export interface Read { readonly sizeBytes: number; readonly base64: string }
export interface Written { readonly sizeBytes: number; readonly sha256: string }
/** Without those that cannot be read. */
export interface ReadAll { readonly files: readonly (Read & { readonly path: string })[] }
export type Answer<Q extends Question = Question> = Refusal | (Q extends { do: 'read' } ? Read : Q extends { do: 'read-all' } ? ReadAll : Q extends { do: 'write' } ? Written : Listed)

/** The repository itself is not part of the code. */
const HIDDEN = new Set(['.git'])

export async function lookMain(): Promise<number> {
  // Written by the daemon, which parsed it.
  const question = JSON.parse(await Bun.stdin.text()) as Question
  // Waited for: what a pipe has not taken when we exit is lost.
  await Bun.write(Bun.stdout, JSON.stringify(answer(question)))
  return 0
}

export function answer(question: Question): Answer {
  try {
    if (question.do === 'read') return read(question)
    if (question.do === 'read-all') return readAll(question)
    if (question.do === 'walk') return walk(question)
    if (question.do === 'write') return write(question, within)
    if (question.do === 'stat') return { entries: question.paths.flatMap((path) => entryAt(question.root, path) ?? []), truncated: false }
    return list(question)
  } catch (error) {
    return { refused: reasonOf(error) }
  }
}

function reasonOf(error: unknown): Refusal['refused'] {
  if (error instanceof OutsideError) return 'outside'
  const code = (error as { code?: unknown }).code
  if (code === 'ENOTDIR') return 'not-a-directory'
  if (code === 'EISDIR' || code === 'ENXIO') return 'not-a-file'
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'no-space'
  return code === 'EACCES' || code === 'EPERM' ? 'not-allowed' : 'absent'
}

class OutsideError extends Error {}

/** Where it really is. */
function within(root: string, path: string): string {
  const top = realpathSync(root)
  const found = realpathSync(join(top, path))
  if (found !== top && !found.startsWith(top === '/' ? '/' : `${top}/`)) throw new OutsideError('outside')
  return found
}

function list({ root, dir, limit }: Extract<Question, { do: 'list' }>): Listed {
  within(root, dir)
  const names = readdirSync(within(root, dir)).filter((name) => !HIDDEN.has(name)).toSorted()
  const entries = names.slice(0, limit).flatMap((name) => entryAt(root, dir === '' ? name : `${dir}/${name}`) ?? [])
  return { entries, truncated: names.length > limit }
}

/** A link is shown as what it is: where it leads is looked at only when it is opened. */
function entryAt(root: string, path: string): Looked | null {
  try {
    const parent = within(root, path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')
    const full = join(parent, path.slice(path.lastIndexOf('/') + 1))
    const found = lstatSync(full)
    if (found.isSymbolicLink()) return { path, kind: 'symlink', sizeBytes: null }
    if (!found.isDirectory()) return { path, kind: 'file', sizeBytes: found.isFile() ? found.size : null }
    return { path, kind: isRepository(full) ? 'submodule' : 'directory', sizeBytes: null }
  } catch {
    // Gone since, or behind a directory that leads away.
    return null
  }
}

function isRepository(dir: string): boolean {
  try {
    lstatSync(join(dir, '.git'))
    return true
  } catch {
    return false
  }
}

/** Files of a tree that no git keeps, breadth first; links are not followed. */
function walk({ root, limit }: Extract<Question, { do: 'walk' }>): Listed {
  const top = realpathSync(root)
  const entries: Looked[] = []
  const waiting = ['']
  for (let dir = waiting.shift(); dir !== undefined; dir = waiting.shift()) {
    for (const entry of entriesOf(join(top, dir))) {
      if (HIDDEN.has(entry.name) || entry.name === 'node_modules') continue
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`
      if (entry.isDirectory()) waiting.push(path)
      else if (entry.isFile()) entries.push({ path, kind: 'file', sizeBytes: null })
      if (entries.length + waiting.length >= limit) return { entries, truncated: true }
    }
  }
  return { entries, truncated: false }
}

function entriesOf(dir: string) {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch {
    return []
  }
}

function readAll({ root, paths, limitBytes }: Extract<Question, { do: 'read-all' }>): ReadAll {
  return { files: paths.flatMap((path) => {
    const found = answer({ do: 'read', root, path, limitBytes })
    return 'base64' in found ? [{ ...found, path }] : []
  }) }
}

function read({ root, path, limitBytes }: Extract<Question, { do: 'read' }>): Read | Refusal {
  // Non-blocking: a pipe that nobody writes to must not hold us. No link: one that was put there since is not followed.
  const file = openSync(within(root, path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const found = fstatSync(file)
    if (!found.isFile()) return { refused: 'not-a-file' }
    const buffer = Buffer.alloc(Math.min(limitBytes, found.size))
    let filled = 0
    while (filled < buffer.length) {
      const count = readSync(file, buffer, filled, buffer.length - filled, filled)
      if (count === 0) break
      filled += count
    }
    return { sizeBytes: found.size, base64: buffer.subarray(0, filled).toString('base64') }
  } finally {
    closeSync(file)
  }
}
