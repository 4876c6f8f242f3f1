/** Names as git has them, one character a byte, against those of this file system. */
import { existsSync, lstatSync, readdirSync, type Stats } from 'node:fs'

export const onDisk = (top: string, path: string): Buffer => Buffer.concat([Buffer.from(path === '' ? top : `${top}/`), Buffer.from(path, 'latin1')])
export const joined = (dir: string, name: string): string => (dir === '' ? name : `${dir}/${name}`)
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

/** Nothing is there either where a file, or nothing, has the place of a directory above it: then the file system refuses another way. */
export function statOrNone(top: string, path: string): Stats | null {
  try {
    return lstatSync(onDisk(top, path))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw cause
  }
}

/** Git's own, of whichever repository. */
export const isGits = (path: string): boolean => path.split('/').includes('.git')

/**
 * Says of a path whether it is, or is in, a repository of its own below the top: git keeps no file of those, so a push has
 * none either. A link to one is a link. What it has seen it does not look at again.
 */
export function nestedIn(top: string): (path: string) => boolean {
  const seen = new Map<string, 'nested' | 'directory' | 'other'>([['', 'directory']])
  const kindOf = (path: string): 'nested' | 'directory' | 'other' => {
    const known = seen.get(path)
    if (known !== undefined) return known
    const above = kindOf(parentOf(path))
    const kind = above !== 'directory' ? above : statOrNone(top, path)?.isDirectory() !== true ? 'other' : existsSync(onDisk(top, `${path}/.git`)) ? 'nested' : 'directory'
    seen.set(path, kind)
    return kind
  }
  return (path) => kindOf(path) === 'nested'
}

export interface Entry { readonly path: string; readonly directory: boolean }

/** None where there is no directory, or it may not be read. */
export function entriesOf(top: string, dir: string): Entry[] {
  try {
    const entries = readdirSync(onDisk(top, dir), { withFileTypes: true })
    if (!entries.some(({ name }) => name.includes('\ufffd'))) return entries.map((entry) => ({ path: joined(dir, Buffer.from(entry.name).toString('latin1')), directory: entry.isDirectory() }))
    // Names that are no UTF-8 are only told as bytes, and bytes without the kind.
    return readdirSync(onDisk(top, dir), { encoding: 'buffer' }).map((name) => {
      const path = joined(dir, name.toString('latin1'))
      return { path, directory: statOrNone(top, path)?.isDirectory() === true }
    })
  } catch {
    return []
  }
}
