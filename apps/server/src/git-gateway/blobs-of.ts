/** Which files git will ask for when it checks a commit out that it has without them: read by git itself, in a directory that is gone afterwards. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runGit } from './quarantine.ts'
import { packIn } from './pack-in.ts'

export interface BlobsAt { readonly start: string; readonly objectFormat: 'sha1' | 'sha256'; readonly atMost: number; readonly signal: AbortSignal }
/** From an answer to a fetch. Empty: there are more than `atMost`. Throws for what is no whole pack, or too large a one. */
export type Blobs = (answer: ReadableStream<Uint8Array>, at: BlobsAt) => Promise<readonly string[]>

/** To read a pack costs processor time, and its machine reads it too. */
const PACK_LIMIT_BYTES = 64 * 1024 * 1024
const TREE_LIMIT_BYTES = 4 * 1024 * 1024

/** What a server before this one left in `dir` is gone. */
export function createBlobs(dir: string): Blobs {
  const cleared = rm(dir, { recursive: true, force: true })
  return async (answer, { start, objectFormat, atMost, signal }) => {
    await cleared
    const path = join(dir, `${randomUUID()}.git`)
    const reader = answer.getReader()
    try {
      await mkdir(path, { recursive: true, mode: 0o700 })
      const done = async (args: readonly string[], input?: ReadableStream<Uint8Array>): Promise<string> => {
        const ran = await runGit(path, args, { signal, limitBytes: TREE_LIMIT_BYTES, ...(input === undefined ? {} : { input }) })
        if (ran.truncated) return ''
        if (ran.exitCode !== 0) throw new Error(`git ${args[0]}: ${ran.stderr.trim().slice(0, 300)}`)
        return ran.stdout
      }
      await done(['init', '--quiet', '--bare', '--template=', '--initial-branch=berth-none', `--object-format=${objectFormat}`, path])
      await done(['index-pack', '--stdin', '--threads=1', `--max-input-size=${PACK_LIMIT_BYTES}`], packIn(reader))
      const listed = await done(['ls-tree', '-r', '-z', start])
      const ids = new Set(listed.split('\0').flatMap((entry) => /^\d+ blob ([0-9a-f]+)\t/.exec(entry)?.[1] ?? []))
      return ids.size > atMost ? [] : [...ids]
    } finally {
      // What was not read to its end is held up for nobody.
      await reader.cancel().catch(() => {})
      await rm(path, { recursive: true, force: true })
    }
  }
}
