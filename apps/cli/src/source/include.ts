/** Files that git ignores, or that look like secrets, and that a person named all the same: paths, directories or globs. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { fieldsOf, git } from './git.ts'

/** Their names travel in the message of a commit. */
const INCLUDED_LIMIT = 10_000

/** One character a byte. `options.cwd` is the top of the code. */
export async function includedFiles(include: readonly string[], options: Parameters<typeof git>[1]): Promise<string[]> {
  const specs = await Promise.all(include.map((pattern) => specOf(pattern, options.cwd)))
  if (specs.length === 0) return []
  const found = fieldsOf(await git(['ls-files', '--others', '-z', '--', ...specs], { ...options, bytes: true })).filter((path) => !path.endsWith('/'))
  if (found.length > INCLUDED_LIMIT) throw new BerthError('too_many', `--include names ${found.length} files`, { hint: `at most ${INCLUDED_LIMIT}; name fewer, or stop ignoring them` })
  return found
}

async function specOf(pattern: string, top: string): Promise<string> {
  const path = pattern.replace(/^(\.\/)+/, '').replace(/\/+$/, '')
  if (path === '' || path.startsWith('/') || path.split('/').includes('..')) throw new BerthError('bad_request', `--include ${pattern} is not within the code`, { hint: 'give a path relative to its top, such as .env' })
  if (await lstat(join(top, path)).catch(() => null)) return `:(top,literal)${path}`
  if (/[*?[]/.test(path)) return `:(top,glob)${path}`
  throw new BerthError('not_found', `--include ${pattern}: there is no such file`, { hint: `it is looked for below ${top}` })
}
