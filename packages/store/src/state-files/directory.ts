/** Saved states in a directory of the server: written aside, synced, renamed. */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StateFiles } from '@berth/core'
import { BerthError } from '@berth/wire'

const PART = /\.part$/

export function createDirectoryFiles({ dir }: { dir: string }): StateFiles {
  const pathOf = (name: string): string => join(dir, checked(name))
  return {
    place: 'the server\'s own disk',
    async put(name, source, signal) {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      const aside = `${pathOf(name)}.${crypto.randomUUID()}.part`
      try {
        const file = await open(aside, 'wx', 0o600)
        try {
          for await (const piece of source) {
            signal?.throwIfAborted()
            await file.writeFile(piece)
          }
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(aside, pathOf(name))
      } catch (cause) {
        throw (cause as { code?: string }).code === 'ENOSPC' ? new BerthError('no_space', 'no space is left on the server for a saved state', { hint: 'free some disk under BERTH_HOME, or keep backups in S3', cause }) : cause
      } finally {
        await rm(aside, { force: true })
      }
    },
    async get(name) {
      const path = pathOf(name)
      return (await stat(path).catch(() => null)) === null ? null : createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>
    },
    remove: (name) => rm(pathOf(name), { force: true }),
    list: async () => (await readdir(dir).catch(() => [])).filter((name) => !PART.test(name)),
    async tidy(before) {
      for (const name of await readdir(dir).catch(() => [])) {
        if (!PART.test(name)) continue
        const found = await stat(join(dir, name)).catch(() => null)
        if (found !== null && found.mtimeMs < before) await rm(join(dir, name), { force: true })
      }
    },
  }
}

/** Names are ours; one that leads elsewhere is none. */
export function checked(name: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}(\.[a-z]{1,10})?$/.test(name)) throw new BerthError('bad_request', 'not the name of a saved state')
  return name
}
