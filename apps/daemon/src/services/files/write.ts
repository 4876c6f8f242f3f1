/**
 * Writes one file of the tree as the agent's user: beside its place first, so that nobody reads half of it, and only
 * over what the writer has seen. A link is followed to where it leads, which must be inside.
 */
import { createHash, randomUUID } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Question, Refusal, Written } from './look.ts'

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
/** What an editor would do with a new file. */
const NEW_FILE_MODE = 0o666

type Within = (root: string, path: string) => string
/** `within` answers where a path of the root really is, and throws when that is outside. */
export function write({ root, path, text, expect }: Extract<Question, { do: 'write' }>, within: Within): Written | Refusal {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  // The repository is the agent's; a file put into it could run as a hook.
  if (parts.includes('..') || parts.includes('.git') || parts.length === 0) return { refused: 'outside' }
  const there = isThere(join(root, ...parts))
  if (!there) return expect === null ? put(join(parentOf(root, parts, within), parts.at(-1) ?? ''), text, NEW_FILE_MODE) : { refused: 'absent' }
  if (expect === null) return { refused: 'changed' }
  const place = within(root, parts.join('/'))
  const before = statSync(place)
  if (!before.isFile()) return { refused: 'not-a-file' }
  return sha256(readFileSync(place)) === expect ? put(place, text, before.mode & 0o777) : { refused: 'changed' }
}

function put(place: string, text: string, mode: number): Written {
  const staging = join(dirname(place), `.${basename(place).slice(0, 100)}.${randomUUID()}`)
  try {
    writeFileSync(staging, text, { flag: 'wx', mode })
    renameSync(staging, place)
  } catch (error) {
    rmSync(staging, { force: true })
    throw error
  }
  return { sizeBytes: Buffer.byteLength(text), sha256: sha256(text) }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false
    throw error
  }
}

/** Made as far as it is missing; the part that is there must be inside. */
function parentOf(root: string, parts: readonly string[], within: Within): string {
  let depth = parts.length - 1
  while (depth > 0 && !isThere(join(root, ...parts.slice(0, depth)))) depth--
  const there = within(root, parts.slice(0, depth).join('/'))
  const parent = join(there, ...parts.slice(depth, -1))
  mkdirSync(parent, { recursive: true })
  return parent
}
