/**
 * From what a project says to an image and the shape of a machine. The result stands in a file beside the image, both
 * named by the configuration and the content that the build reads, so the second machine of a project costs a look.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, utimes, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProviderFault, type ProjectContext, type ProjectSays } from '@berth/core'
import type { Engine } from '../engine.ts'
import { hasImage, type ImageDeps } from '../images.ts'
import { ensureEngineImage } from '../inside/image.ts'
import { accountsOf, type Account } from './account.ts'
import { BuildFailed, createDevcontainerCli, type CliContext, type DevcontainerCli } from './cli.ts'
import { readConfiguration, type Configuration, type Shape } from './configuration.ts'
import type { Ignored } from './notes.ts'
import { normalizeCompose } from './compose/normalize.ts'
import { composeFilesOf, readCompose, type ComposeReading } from './compose/read-compose.ts'
import { makeServiceImage, type ReadyService } from './compose/service-images.ts'
import type { Service } from './compose/service.ts'
import { readMerged, type MachineShape } from './merged.ts'
import { DEV_HOME, distinctPlaces } from './places.ts'
import { openScratch } from './scratch.ts'

export interface DevcontainerDeps {
  readonly engine: Engine
  /** Where results are kept. */
  readonly dir: string
  /** Path of the reference CLI's script. */
  readonly cli: (log: (line: string) => void, signal: AbortSignal) => Promise<string>
  /** For the images of services. */
  readonly images: Omit<ImageDeps, 'log'>
}
export interface Devcontainer extends MachineShape {
  readonly path: string
  readonly others: readonly string[]
  readonly image: string
  /** Null: the user of machines that name none. */
  readonly account: Account | null
  readonly own: Shape
  /** Beside the machine, in the order in which they start. Absent: it was made before there were any. */
  readonly services?: readonly ReadyService[]
}
type Says = ProjectSays & { readonly kind: 'devcontainer' }

/** Part of the name of every result: another meaning of the file is another name. */
const FORMAT = 2
const FILE_LIMIT_BYTES = 1024 * 1024

/** Throws `BuildFailed` for what the project can repair. */
export async function prepareDevcontainer(deps: DevcontainerDeps, says: Says, context: ProjectContext): Promise<Devcontainer> {
  const { engine } = deps
  const { path: scratch, close } = await openScratch()
  try {
    // The directory's name is what `${localWorkspaceFolderBasename}` becomes.
    const folder = join(scratch, 'workspace')
    const own = dirname(says.path)
    await says.checkOut(folder, [own === '.' ? says.path : '.devcontainer'], context)
    const given = await readFileOf(join(folder, says.path))
    const { config, services, ignored } = given['dockerComposeFile'] === undefined ? { config: given, services: [], ignored: [] } : await composed(deps, { says, folder, config: given }, context)
    const known = readConfiguration(config, says)
    if (known.build === null) throw new BuildFailed(noImage(known), '')
    const contents = await contentsOf(says, [...known.reads, ...services.flatMap(({ build, files }) => [...(build === null ? [] : [build.context, build.dockerfile]), ...files.map(({ from }) => from)])])
    const base = typeof known.build['image'] === 'string' ? await imageId(engine, known.build['image'], context.signal) : ''
    const key = hashOf(String(FORMAT), says.path, JSON.stringify(config), JSON.stringify(services), base, ...contents)
    const tag = `${DEVCONTAINER_IMAGES}:${key}`
    const file = join(deps.dir, `${key}.json`)
    const before = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Devcontainer, () => null)
    if (before !== null && await allThere(engine, before, context.signal)) {
      context.log(`the image of ${says.path} is there already`)
      // When it was last used: what nobody uses is removed some day.
      await utimes(file, new Date(), new Date())
      return before
    }
    const made = await build(deps, { says, folder, scratch, known: { ...known, ignored: [...ignored, ...known.ignored] }, tag, services }, context)
    await keep(file, made)
    return made
  } finally {
    await close()
  }
}

/** All images of the engine that are made of projects. */
export const DEVCONTAINER_IMAGES = 'berth/devcontainer'

/** Of a project of compose services: what it comes to, told by compose, and what of that is done here. */
async function composed(deps: DevcontainerDeps, { says, folder, config }: { says: Says; folder: string; config: Readonly<Record<string, unknown>> }, context: ProjectContext): Promise<ComposeReading> {
  const own = dirname(says.path) === '.' ? '' : dirname(says.path)
  const files = composeFilesOf(config, own)
  if (files === null) throw new BuildFailed('its dockerComposeFile is not a path in the project', '')
  const image = await ensureEngineImage({ ...deps.images, log: context.log }, context.signal).catch((error: unknown) => {
    if (!(error instanceof ProviderFault) || error.category !== 'unsupported') throw error
    throw new ProviderFault('unsupported', `it is made of compose services, and there is no compose to read them with: ${error.message}`, { hint: error.hint, cause: error })
  })
  await says.checkOut(folder, [''], context)
  const model = await normalizeCompose(deps.engine, { image, folder, files }, context)
  return readCompose(config, { model, own })
}

const contentsOf = (says: Says, paths: readonly string[]): Promise<string[]> => Promise.all(paths.map(async (path) => `${path}=${await says.contentOf(path) ?? ''}`))

async function allThere(engine: Engine, { image, services }: Devcontainer, signal: AbortSignal): Promise<boolean> {
  for (const one of [image, ...(services ?? []).map((service) => service.image)]) if (!(await hasImage(engine, one, signal))) return false
  return true
}

interface BuiltImage { readonly Config: { readonly Env: string[] | null; readonly User?: string } }
interface Build { readonly says: Says; readonly folder: string; readonly scratch: string; readonly known: Configuration; readonly tag: string; readonly services: readonly Service[] }

async function build(deps: DevcontainerDeps, { says, folder, scratch, known, tag, services }: Build, context: ProjectContext): Promise<Devcontainer> {
  const { engine } = deps
  const { signal } = context
  if (known.build?.['build'] !== undefined) {
    if (!isThereAlready(says, known.reads)) await says.checkOut(folder, known.reads, context)
    await requireDockerfile(join(folder, dirname(says.path)), known.build['build'])
  }
  const cli = createDevcontainerCli({ script: await deps.cli(context.log, signal), dockerHost: engine.dockerHost, memoryBytes: await buildMemory(engine, signal) })
  // In its own place, since what it names is relative to it.
  const config = join(folder, says.path)
  await rm(config, { force: true })
  await writeFile(config, JSON.stringify(known.build), { flag: 'wx' })
  const ready: ReadyService[] = []
  for (const service of services) ready.push(await makeServiceImage({ cli, images: deps.images, folder, scratch, tagOf: (name) => `${tag}-${name}` }, service, context))
  context.log(`building the image of ${says.path}`)
  const reading = new AbortController()
  const saying = Promise.withResolvers<void>()
  const log = (line: string): void => {
    saying.resolve()
    context.log(line)
  }
  const built = cli.build({ folder, config, tag }, { ...context, log, scratch })
  const image = built.then(() => engine.json<BuiltImage>(`/images/${tag}/json`, { what: 'looking at the image that was built' }, signal))
  // Two that start at once take twice as long, and the build is waited for: the reading begins while the engine works.
  const merging = Promise.race([saying.promise, built]).then(() => readBuilt(cli, { scratch, tag, image }, { ...context, signal: AbortSignal.any([signal, reading.signal]), scratch }))
  // Waited for below.
  for (const work of [merging, image]) work.catch(() => {})
  const read = async () => {
    await built
    return Promise.all([merging, image, accountsOf(engine, tag, signal)])
  }
  const [merged, { Config }, accounts] = await read().catch(async (cause: unknown) => {
    // It may be waiting for an image that nobody will tell it of.
    reading.abort(cause)
    await Promise.allSettled([merging, image])
    throw cause
  })
  const shape = readMerged(merged, { imageEnv: Config.Env ?? [], own: known.shape })
  const wanted = shape.remoteUser ?? (Config.User?.split(':')[0] || null)
  const account = wanted === null ? null : accounts.find(({ name, uid }) => name === wanted || String(uid) === wanted) ?? null
  const places = distinctPlaces(shape.mounts, isUsable(account) && account !== null ? account.home : DEV_HOME)
  return {
    ...shape, mounts: places.mounts, path: says.path, others: says.others, image: tag, own: known.shape, services: ready, account: isUsable(account) ? account : null,
    ignored: [...known.ignored, ...shape.ignored, ...places.ignored, ...noUser(shape.remoteUser, account)],
  }
}

/** With the file that says it. */
const isThereAlready = ({ path }: Says, reads: readonly string[]): boolean => dirname(path) !== '.' && reads.every((one) => one === '.devcontainer' || one.startsWith('.devcontainer/'))

/** Beside the build, in a directory of its own with the same name. */
async function readBuilt(cli: DevcontainerCli, { scratch, tag, image }: { scratch: string; tag: string; image: Promise<unknown> }, context: CliContext): Promise<Readonly<Record<string, unknown>>> {
  const folder = join(scratch, 'built-as', 'workspace')
  const config = join(folder, '.devcontainer/devcontainer.json')
  await mkdir(dirname(config), { recursive: true })
  await writeFile(config, JSON.stringify({ image: tag, workspaceFolder: '/workspace', workspaceMount: '' }))
  return cli.merged({ folder, config, image }, context)
}

/** The reference CLI only says that an error occurred. */
async function requireDockerfile(dir: string, build: unknown): Promise<void> {
  const { dockerfile } = build as { dockerfile?: unknown }
  if (typeof dockerfile !== 'string' || (await stat(join(dir, dockerfile)).then((found) => found.isFile(), () => false))) return
  throw new BuildFailed(`${dockerfile} is no file of the project; a link that leads out of it is left out`, '')
}

const isUsable = (account: Account | null): boolean => account !== null && account.uid !== 0 && account.home.startsWith('/') && account.home.length < 80 && account.home !== '/'

/** The daemon of a machine is root there and has its secrets from the agent: so the agent never is. */
function noUser(wanted: string | null, account: Account | null): Ignored[] {
  if (wanted === null || isUsable(account)) return []
  return [{ key: `remoteUser: ${wanted}`, why: account === null ? 'the image has no such user: the agent is `dev`' : 'the agent is never root in its machine: it is `dev`', unsafe: false }]
}

function noImage({ ignored }: Configuration): string {
  const bad = ignored.find(({ key }) => /^(?:image|context|dockerFile|build\.)/.test(key))
  return bad === undefined ? 'it says neither an image nor a Dockerfile' : `${bad.key}: ${bad.why}`
}

async function readFileOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null || text.length > FILE_LIMIT_BYTES) throw new BuildFailed(text === null ? 'it leads out of the project' : 'it is too large', '')
  return parseConfiguration(text)
}

export function parseConfiguration(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    // Comments and trailing commas are part of the format.
    value = Bun.JSONC.parse(text)
  } catch (cause) {
    throw new BuildFailed(`it is not JSON with comments: ${cause instanceof Error ? cause.message : String(cause)}`, '')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BuildFailed('it is not an object', '')
  // An object of JSON.
  return value as Readonly<Record<string, unknown>>
}

/** '' where it is not here: the build fetches it. */
/** A repository's build is not to take the computer down: a quarter is left for whoever else is there. */
async function buildMemory(engine: Engine, signal: AbortSignal): Promise<number> {
  const { MemTotal } = await engine.json<{ MemTotal: number }>('/info', { what: 'asking the engine about itself' }, signal)
  return Math.floor(MemTotal * 0.75)
}

async function imageId(engine: Engine, reference: string, signal: AbortSignal): Promise<string> {
  const answer = await engine.call(`/images/${reference}/json`, { what: `looking for the image ${reference}`, accept: [404] }, signal)
  if (answer.status !== 404) return ((await answer.json()) as { Id: string }).Id
  await answer.body?.cancel()
  return ''
}

async function keep(file: string, made: Devcontainer): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const aside = join(dirname(file), `.${basename(file)}.${process.pid}`)
  await writeFile(aside, JSON.stringify(made), { mode: 0o600 })
  await rename(aside, file)
}

function hashOf(...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex').slice(0, 24)
}
