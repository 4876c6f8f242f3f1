/** A plain directory as tar + zstd, streamed: what a .gitignore names, .git and node_modules stay at home. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { createZstdCompress } from 'node:zlib'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { BerthError } from '@berth/wire/error'
import { textOf } from '@berth/wire/git-bytes'
import { request, type Endpoint } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { ARCHIVE_PATH } from './hosted.ts'
import { fieldsFor, fieldsOf, git } from './git.ts'
import { includedFiles } from './include.ts'
import { splitSecrets } from './secret-names.ts'

export interface Listing {
  readonly path: string
  /** One character a byte. */
  readonly files: readonly string[]
  readonly sizeBytes: number
  readonly kept: readonly string[]
  /** Those that only came because they were named; one character a byte. */
  readonly included: readonly string[]
  /** Directories that are repositories of their own. */
  readonly nested: readonly string[]
}
const SIZED_AT_ONCE = 1000
export const ALWAYS_HOME = ['node_modules/', '.git/', '.DS_Store']

export async function listDirectory(path: string, work: { scratch: string; include: readonly string[]; signal: AbortSignal }): Promise<Listing> {
  const { scratch, signal } = work
  // Git reads .gitignore files best; this repository is empty and not in the directory.
  const gitDir = join(scratch, 'ignore.git')
  await git(['init', '--quiet', '--bare', gitDir], { cwd: scratch, signal })
  const options = { cwd: path, signal, bytes: true, env: { GIT_DIR: gitDir, GIT_WORK_TREE: path }, config: [['core.bare', 'false']] as const }
  const found = fieldsOf(await git(['ls-files', '--others', '-z', '--exclude-standard', ...ALWAYS_HOME.map((pattern) => `--exclude=${pattern}`)], options))
  const included = await includedFiles(work.include, options)
  const { sent, kept } = splitSecrets([...new Set([...found, ...included])].filter((name) => !name.endsWith('/')), included)
  return { path, files: sent, sizeBytes: await sizeOf(path, sent, signal), kept: kept.map(textOf), included, nested: found.filter((name) => name.endsWith('/')).map(textOf) }
}

/** Asked at once, fifty thousand files take a tenth of the time that as many awaited answers do; between batches a ^C is heard. */
async function sizeOf(path: string, files: readonly string[], signal: AbortSignal): Promise<number> {
  let sizeBytes = 0
  for (let next = 0; next < files.length; next += SIZED_AT_ONCE) {
    if (next > 0) await setImmediate()
    if (signal.aborted) throw new BerthError('cancelled', 'cancelled')
    for (const name of files.slice(next, next + SIZED_AT_ONCE)) sizeBytes += sizeOrNothing(path, name)
  }
  return sizeBytes
}

/** What vanished, or may not be looked at, counts as nothing; tar will tell. */
function sizeOrNothing(path: string, name: string): number {
  try {
    return lstatSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, 'latin1')]), { throwIfNoEntry: false })?.size ?? 0
  } catch {
    return 0
  }
}

export async function sendArchive(listing: Listing, send: { endpoint: Endpoint; id: WorkspaceId; signal: AbortSignal; onSent(bytes: number): void }): Promise<number> {
  const tar = Bun.spawn(['tar', '--null', '--no-recursion', '-cf', '-', '-T', '-'], {
    cwd: listing.path, env: { ...process.env, LC_ALL: 'C', COPYFILE_DISABLE: '1' },
    // A name that begins with a dash would be an option.
    stdin: new Blob([fieldsFor(listing.files.map((name) => `./${name}`)) as Uint8Array<ArrayBuffer>]),
    stdout: 'pipe', stderr: 'pipe', signal: send.signal,
  })
  let sent = 0
  const compressed = Readable.from(tar.stdout).pipe(createZstdCompress())
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of compressed) {
      sent += (chunk as Uint8Array).length
      send.onSent(sent)
      yield chunk as Uint8Array
    }
  }
  const problems = new Response(tar.stderr).text()
  // Bun streams an async generator as a body; the DOM's types know no such thing.
  await request(send.endpoint, ARCHIVE_PATH(send.id), { method: 'PUT', body: stream() as unknown as BodyInit, headers: { 'content-type': 'application/zstd' }, signal: send.signal })
  // 1: a file changed or vanished while it was read, which a directory in use does.
  if ((await tar.exited) > 1) throw new BerthError('internal', `tar: ${(await problems).trim().slice(0, 500)}`)
  return sent
}
