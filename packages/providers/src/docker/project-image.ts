/** Which image a machine is made of, and what people are told of the choice. */
import { ProviderFault, type MachineMade, type MachineSpec, type ProjectContext, type ProjectSays } from '@berth/core'
import { BuildFailed } from './devcontainer/cli.ts'
import type { Ignored } from './devcontainer/notes.ts'
import { prepareDevcontainer, type Devcontainer, type DevcontainerDeps } from './devcontainer/prepare.ts'
import { ensureImage, FULL_LANGUAGES, hasFull, type ImageDeps, type ReadyImage } from './images.ts'

export interface Chosen {
  readonly image: ReadyImage
  readonly devcontainer: Devcontainer | null
  readonly made: MachineMade | null
  /** What the build said: `berth logs <workspace> image`, and in the home of a machine that stands in for a build that failed. */
  readonly buildLog: string | null
}
export interface ChoiceDeps {
  readonly images: Omit<ImageDeps, 'log'>
  readonly devcontainers: DevcontainerDeps | null
  /** The image of machines that name none, when a person set one: then no language is guessed. */
  readonly defaultImage: string | null
  readonly defaultIsChosen: boolean
}

type Notice = MachineMade['notices'][number]
/** A registry that was away, or an image that is not there, is not asked for again with every new machine. */
const FORGET_MS = 10 * 60_000
const missing = new Map<string, number>()
const IGNORED_TOLD = 40
const LINES_KEPT = 3000

export async function chooseImage(deps: ChoiceDeps, spec: Pick<MachineSpec, 'image' | 'project'>, context: ProjectContext): Promise<Chosen> {
  const named = async (wanted: string | null): Promise<ReadyImage> => ensureImage({ ...deps.images, log: context.log }, wanted, context.signal)
  const plain = async (notices: readonly Notice[], recovery: { why: string; log: string } | null = null): Promise<Chosen> =>
    ({ image: await named(deps.defaultImage), devcontainer: null, made: { from: 'default', notices, ports: [], recovery: recovery?.why ?? null }, buildLog: recovery?.log ?? null })
  if (spec.image !== null || spec.project === undefined) return { image: await named(spec.image ?? deps.defaultImage), devcontainer: null, made: null, buildLog: null }
  const says = await spec.project.look(context)
  switch (says.kind) {
    case 'nothing': return plain([])
    case 'unreadable': return plain([{ level: 'warning', code: 'project_unreadable', message: `the default image is used: ${says.why}`, hint: 'choose one with --image' }])
    case 'language': return ofLanguage(deps, says, { plain, named, context })
    case 'devcontainer': return ofDevcontainer(deps, says, { plain, context })
  }
}

interface Ways { plain(notices: readonly Notice[], recovery?: { why: string; log: string } | null): Promise<Chosen>; named(wanted: string): Promise<ReadyImage> }

async function ofLanguage(deps: ChoiceDeps, { language }: ProjectSays & { kind: 'language' }, { plain, named, context }: Ways & { context: ProjectContext }): Promise<Chosen> {
  const { name, image, because } = language
  if (deps.defaultIsChosen) return plain([])
  const says = `a ${name} project by its ${because}`
  const instead = async (): Promise<Chosen> => {
    if (!FULL_LANGUAGES.has(name)) return plain([{ level: 'info', code: 'image_default', message: `${says}, and ${image} cannot be had now: the default image is used`, hint: 'choose another with --image' }])
    const full = await hasFull(deps.images, context.signal)
    const notice: Notice = { level: 'info', code: 'image_default', message: `${says}, and ${image} cannot be had now: ${full ? 'the image `full`, with its toolchain, is used' : 'the default image is used'}`, hint: full ? 'choose another with --image' : `\`--image full\` has a toolchain for ${name}, and is made from Debian packages` }
    return full ? { image: await named('full'), devcontainer: null, made: { from: 'language', notices: [notice], ports: [], recovery: null }, buildLog: null } : plain([notice])
  }
  if (performance.now() - (missing.get(image) ?? Number.NEGATIVE_INFINITY) < FORGET_MS) return instead()
  try {
    const ready = await named(image)
    const notice: Notice = { level: 'info', code: 'image_detected', message: `${says}: its machine is made from ${image}`, hint: 'choose another with --image, or write a devcontainer.json' }
    return { image: ready, devcontainer: null, made: { from: 'language', notices: [notice], ports: [], recovery: null }, buildLog: null }
  } catch (error) {
    if (!(error instanceof ProviderFault) || error.category === 'no_space') throw error
    missing.set(image, performance.now())
    return instead()
  }
}

async function ofDevcontainer(deps: ChoiceDeps, says: ProjectSays & { kind: 'devcontainer' }, { plain, context }: Pick<Ways, 'plain'> & { context: ProjectContext }): Promise<Chosen> {
  if (deps.devcontainers === null) return plain([{ level: 'warning', code: 'devcontainer_ignored', message: `${says.path} is not used: this server has no devcontainer CLI`, hint: 'choose an image with --image' }])
  const said: string[] = []
  const log = (line: string): void => {
    if (said.length < LINES_KEPT) said.push(line)
    context.log(line)
  }
  try {
    const devcontainer = await prepareDevcontainer(deps.devcontainers, says, { ...context, log })
    return {
      image: { reference: devcontainer.image, hostPaths: [] }, devcontainer, buildLog: `${said.join('\n')}\n`,
      made: { from: 'devcontainer', notices: noticesOf(devcontainer), ports: devcontainer.ports, recovery: null },
    }
  } catch (error) {
    const repairable = error instanceof BuildFailed || (error instanceof ProviderFault && !['transient', 'no_space', 'rate'].includes(error.category))
    if (!repairable) throw error
    const why = `${says.path}: ${error.message}`
    context.log(`${why}; making a machine to repair it in`)
    const hint = error instanceof ProviderFault && error.hint ? error.hint : 'the log is in ~/devcontainer-build.log of the machine: repair it there, then `berth rebuild`'
    return plain([{ level: 'error', code: 'devcontainer_failed', message: `${why}. This is a machine of the default image to repair it in`, hint }], { why, log: error instanceof BuildFailed && error.log !== '' ? `${error.log}\n${why}\n` : `${why}\n` })
  }
}

function noticesOf({ path, others, ignored }: Devcontainer): Notice[] {
  const first: Notice = { level: 'info', code: 'devcontainer', message: `the machine is made from ${path}${others.length === 0 ? '' : ` (there are also ${others.slice(0, 5).join(', ')})`}`, hint: null }
  return [first, ...told(ignored.filter(({ unsafe }) => unsafe), 'warning'), ...told(ignored.filter(({ unsafe }) => !unsafe), 'info')]
}

/** By name, and what to do: one notice for each kind, since a person reads them among what the agent says. */
function told(ignored: readonly Ignored[], level: 'warning' | 'info'): Notice[] {
  if (ignored.length === 0) return []
  const list = ignored.slice(0, IGNORED_TOLD).map(({ key, why }) => `${key.slice(0, 200)} (${why})`).join('; ')
  const more = ignored.length > IGNORED_TOLD ? `; and ${ignored.length - IGNORED_TOLD} more` : ''
  return [{ level, code: level === 'warning' ? 'devcontainer_refused' : 'devcontainer_ignored', message: `${level === 'warning' ? 'not done, because it reaches beyond the machine' : 'not used here'}: ${list}${more}`.slice(0, 8000), hint: null }]
}
