/** Reads what `scripts/build.ts` put into this binary. */
import { createWriteStream } from 'node:fs'
import { access, chmod, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import type { Carried } from '../../apps/server/src/compose/carried.ts'
import { ASSETS, MANIFEST, MIGRATIONS, type Manifest } from './manifest.ts'

const assets = join(import.meta.dir, ASSETS)

export async function readCarried(): Promise<Carried> {
  const manifest = (await Bun.file(join(assets, MANIFEST)).json()) as Manifest
  return {
    postgres: (below) => unpackPostgres(manifest, below),
    migrations: join(assets, MIGRATIONS),
    daemon: async (target) => {
      // What is carried runs on any processor of its kind.
      const found = manifest.daemons[target.replace('-baseline', '') as typeof target]
      if (found === undefined) return null
      return { hash: found.hash, executable: (path) => unpackFile(join(assets, found.file), path) }
    },
    webAssets: async () => new Map(await Promise.all(manifest.web.map(async ({ path, file, type, immutable }) => [path, { body: await Bun.file(join(assets, file)).bytes(), type, immutable }] as const))),
  }
}

/**
 * Piece by piece: the server keeps running, and would keep the hundred megabytes. On the disk before anybody may take
 * it for finished: a computer that loses power must not find an empty file under the final name.
 */
async function unpackFile(packed: string, path: string): Promise<void> {
  await pipeline(Bun.file(packed).stream(), createZstdDecompress(), createWriteStream(path))
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

const PROGRAMS = 'programs-'

/** The caller holds the lock of the home, so what else is there is of an older release or of an unpacking that was cut off. */
async function unpackPostgres({ postgres }: Manifest, below: string): Promise<string> {
  const name = `${PROGRAMS}${postgres.hash}`
  const dir = join(below, name)
  for (const other of await readdir(below)) if (other.startsWith(PROGRAMS) && other !== name) await rm(join(below, other), { recursive: true, force: true })
  if (await access(dir).then(() => true, () => false)) return dir
  const partial = `${dir}.new`
  await new Bun.Archive(await Bun.zstdDecompress(await Bun.file(join(assets, postgres.file)).bytes())).extract(partial)
  await makeReadable(partial)
  // All of them at once, where the system can; for the same reason as above.
  if (process.platform === 'linux') await Bun.spawn(['sync', '--file-system', partial], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' }).exited
  await rename(partial, dir)
  return dir
}

/** The database may run as another user than ours, and our umask may be strict. */
async function makeReadable(dir: string): Promise<void> {
  await chmod(dir, 0o755)
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}
