/** Reads what `scripts/build.ts` put into this binary. */
import { createWriteStream } from 'node:fs'
import { access, chmod, lstat, readdir, rename, rm } from 'node:fs/promises'
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
      const found = manifest.daemons[target]
      if (found === undefined) return null
      // Piece by piece: the server keeps running, and would keep the hundred megabytes.
      return { hash: found.hash, executable: (path) => pipeline(Bun.file(join(assets, found.file)).stream(), createZstdDecompress(), createWriteStream(path)) }
    },
    webAssets: async () => new Map(await Promise.all(manifest.web.map(async ({ path, file, type, immutable }) => [path, { body: await Bun.file(join(assets, file)).bytes(), type, immutable }] as const))),
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
