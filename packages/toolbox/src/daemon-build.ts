/** Two ways to the daemon's executable: compiled from source, or taken out of the compiled product. */
import { createHash, randomBytes } from 'node:crypto'
import { access, chmod, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire'
import { runBun } from './bun-run.ts'
import { makeReadableDir } from './readable-dir.ts'
import type { Target } from './targets.ts'

/** The daemon for that target as bytes, or what writes them to a path, and the hash of them; null when the product does not carry it. */
export type EmbeddedDaemon = (target: Target) => Promise<{ readonly hash: string; readonly executable: Blob | ((path: string) => Promise<void>) } | null>
interface Place { readonly dir: string; readonly log: (line: string) => void }

const EXECUTABLE = 'berth-daemon'
const HASH_LENGTH = 16
/** A workspace's `.env` and `bunfig.toml` are the agent's: the daemon, and the hooks that it is, must not read them. */
const BUILD_FLAGS = ['--minify', '--bytecode', '--splitting', '--format=esm', '--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'] as const

export async function daemonFromSource(place: Place & { readonly entry: string }, target: Target, signal: AbortSignal): Promise<string> {
  const hash = await sourceHash(place.entry, target)
  if (await exists(join(place.dir, hash, EXECUTABLE))) return hash
  place.log(`building the daemon for ${target}`)
  await publish(place.dir, hash, async (staging) => {
    await runBun({
      args: ['build', '--compile', ...BUILD_FLAGS, `--target=bun-${target}`, '--outfile', join(staging, EXECUTABLE), place.entry],
      cwd: dirname(place.entry), what: `the build of the daemon for ${target}`, onLine: () => {},
    }, signal)
  })
  return hash
}

export async function daemonFromProduct(place: Place & { readonly embedded: EmbeddedDaemon }, target: Target, signal: AbortSignal): Promise<string> {
  const daemon = await place.embedded(target)
  if (daemon === null) {
    throw new BerthError('image_unsupported', `this build of berth carries no daemon for ${target}`, { hint: 'use an image of another architecture or C library, or a build of berth that has it' })
  }
  if (await exists(join(place.dir, daemon.hash, EXECUTABLE))) return daemon.hash
  place.log(`unpacking the daemon for ${target}`)
  await publish(place.dir, daemon.hash, async (staging) => {
    signal.throwIfAborted()
    const path = join(staging, EXECUTABLE)
    await (typeof daemon.executable === 'function' ? daemon.executable(path) : Bun.write(path, daemon.executable))
  })
  return daemon.hash
}

/** The bundle is what runs, so its bytes name it: an edit to any file it includes makes a new hash, a comment does not. */
async function sourceHash(entry: string, target: Target): Promise<string> {
  const bundle = await Bun.build({ entrypoints: [entry], target: 'bun', minify: true, throw: false })
  if (!bundle.success) {
    throw new BerthError('internal', `the daemon does not build: ${bundle.logs.map(String).join('\n')}`, { hint: `see ${entry}` })
  }
  const hash = createHash('sha256').update(`${Bun.version} ${target} ${BUILD_FLAGS.join(' ')}\n`)
  for (const output of bundle.outputs) hash.update(await output.text())
  return hash.digest('hex').slice(0, HASH_LENGTH)
}

/** Fills a directory beside its final place and renames it there. When somebody else was first, theirs is kept. */
async function publish(dir: string, hash: string, fill: (staging: string) => Promise<void>): Promise<void> {
  await makeReadableDir(join(dir, 'agents'))
  const staging = join(dir, `.staging-${hash}-${randomBytes(6).toString('hex')}`)
  await mkdir(staging)
  try {
    await fill(staging)
    await chmod(join(staging, EXECUTABLE), 0o755)
    await chmod(staging, 0o755)
    await symlink('../agents', join(staging, 'agents'))
    await rename(staging, join(dir, hash)).catch(async (error: unknown) => {
      if (!(await exists(join(dir, hash, EXECUTABLE)))) throw error
    })
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false)
}
