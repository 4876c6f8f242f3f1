/** Archives of plain directories, streamed to a file each; the daemon fetches them over its link. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { refuseDeclared, tooLarge } from '../http/body.ts'

export interface Uploads {
  /** Replaces an earlier one when the last byte is on disk. */
  write(id: WorkspaceId, request: Request): Promise<number>
  read(id: WorkspaceId): Promise<Response>
  exists(id: WorkspaceId): Promise<boolean>
  remove(id: WorkspaceId): Promise<void>
}

const ARCHIVE_LIMIT_BYTES = 4 * 1024 ** 3

export function createUploads(deps: { dir: string; limitBytes?: number }): Uploads {
  const limitBytes = deps.limitBytes ?? ARCHIVE_LIMIT_BYTES
  const pathOf = (id: WorkspaceId) => join(deps.dir, `${id}.tar.zst`)
  return {
    async write(id, request) {
      refuseDeclared(request, limitBytes)
      await mkdir(deps.dir, { recursive: true, mode: 0o700 })
      const aside = `${pathOf(id)}.${crypto.randomUUID()}.part`
      try {
        const bytes = await writeBody(aside, request.body, limitBytes)
        await rename(aside, pathOf(id))
        return bytes
      } catch (thrown) {
        throw isNoSpace(thrown) ? new BerthError('no_space', 'no space is left on the server for the upload', { hint: 'free some disk under BERTH_HOME', cause: thrown }) : thrown
      } finally {
        await rm(aside, { force: true })
      }
    },
    async read(id) {
      const file = Bun.file(pathOf(id))
      if (!(await file.exists())) throw new BerthError('not_found', 'no archive was uploaded for this workspace')
      return new Response(file.stream(), { headers: { 'content-type': 'application/zstd', 'content-length': String(file.size) } })
    },
    exists: (id) => Bun.file(pathOf(id)).exists(),
    async remove(id) {
      await rm(pathOf(id), { force: true })
    },
  }
}

async function writeBody(path: string, body: ReadableStream<Uint8Array> | null, limitBytes: number): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  try {
    let total = 0
    for await (const chunk of body ?? []) {
      total += chunk.length
      if (total > limitBytes) throw tooLarge(limitBytes)
      await file.writeFile(chunk)
    }
    await file.sync()
    return total
  } finally {
    await file.close()
  }
}

function isNoSpace(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && (thrown as { code?: unknown }).code === 'ENOSPC'
}
