/**
 * Images that machines begin with: one making at a time for each provider, in the background, told line by line. What it
 * left when the server ended in the middle is found again by the next one, or by the reaper.
 */
import { ProviderFault, type ImageMachine, type ImageWanted, type Inventory, type MachineImage, type Provider, type ProviderImages, type Step, type ToolboxRef } from '@berth/core'
import { BerthError } from '@berth/wire'
import { AGENT_PROGRAMS, NODE_RUNTIME, type AgentProgramName } from '@berth/wire/agents'
import type { ImageBuild, MachineImage as ImageView } from '@berth/wire/images'
import type { ProviderRegistry } from './deps.ts'
import { messageOf } from '../thrown.ts'

export interface ImagesDeps {
  readonly providers: Pick<ProviderRegistry, 'get' | 'all'>
  readonly toolbox: {
    ensureDaemon(target: undefined, signal: AbortSignal): Promise<ToolboxRef>
    ensureAgent(request: { agent: AgentProgramName; onProgress(line: string): void }, signal: AbortSignal): Promise<string>
    /** Null: the one of this release. */
    chosen(agent: AgentProgramName): string | null
  }
  readonly link: ImageWanted['link']
  readonly clock: { now(): number }
  /** What is kept at a provider and what is being made, as it was just seen; for those who count what it costs. */
  kept(provider: string, seen: { readonly images: Inventory<MachineImage>; readonly machines: Inventory<ImageMachine> }): Promise<void>
  readonly log: (line: string) => void
}
export interface Images {
  /** Returns when it is known what it costs. */
  build(provider: string, agents: readonly AgentProgramName[]): Promise<ImageBuild>
  progress(provider: string): ImageBuild
  list(provider: string | undefined): Promise<{ images: ImageView[]; missing: string[] }>
  remove(provider: string, name: string): Promise<void>
  /** Looks at what is kept everywhere. */
  round(signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

interface Making { state: ImageBuild['state']; detail: string | null; log: string[]; readonly startedAt: number; endedAt: number | null; image: ImageView | null; failure: ImageBuild['failure']; readonly price: ImageBuild['price']; ended: Promise<void> }
interface At { readonly provider: Provider; readonly images: ProviderImages }

const MADE_WITHIN_MS = 40 * 60_000
const GIVEN_UP_WITHIN_MS = 10 * 60_000
const LOOK_WITHIN_MS = 30_000
const LINES = 200
const LINE = 300
const LEAST_WAIT_MS = 100
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 30_000
const TRIES = 6
/** What passes: it is tried again. */
const PASSING = new Set(['transient', 'rate', 'unknown', 'conflict'])

export function createImages(deps: ImagesDeps): Images {
  const { providers, clock } = deps
  const makings = new Map<string, Making>()
  const stopping = new AbortController()
  const at = (name: string): At => {
    const provider = providers.get(name)
    if (provider.images === undefined) throw new BerthError('provider_unsupported', `${name} makes no images`, { hint: `those that do: ${providers.all().filter(({ images }) => images !== undefined).map((each) => each.name).join(', ')}` })
    if (provider.isSetUp?.() === false) throw new BerthError('provider_unavailable', `${name} is not set up`, { hint: `run \`berth provider setup ${name}\`` })
    return { provider, images: provider.images }
  }
  const makers = (): Provider[] => providers.all().filter(({ images, isSetUp }) => images !== undefined && isSetUp?.() !== false)
  const view = (name: string): ImageBuild => {
    const making = makings.get(name)
    if (making === undefined) throw new BerthError('not_found', `no image is being made at ${name}`, { hint: `berth image build ${name}` })
    const { ended: _, log, ...rest } = making
    return { provider: name, ...rest, log: [...log] }
  }
  return {
    async build(name, agents) {
      const place = at(name)
      const price = await priceOf(place)
      if (makings.get(name)?.state !== 'making') {
        const making: Making = { price, state: 'making', detail: null, log: [], startedAt: clock.now(), endedAt: null, image: null, failure: null, ended: Promise.resolve() }
        makings.set(name, making)
        making.ended = make(deps, place, { making, agents, stopping: stopping.signal })
      }
      return view(name)
    },
    progress: (name) => view(at(name).provider.name),
    async list(name) {
      const asked = name === undefined ? makers() : [at(name).provider]
      const toolbox = await deps.toolbox.ensureDaemon(undefined, AbortSignal.timeout(LOOK_WITHIN_MS)).catch(() => null)
      const found = await Promise.all(asked.map((provider) => listed(deps, provider, toolbox?.hash ?? '')))
      return { images: found.flatMap(({ images }) => images), missing: found.flatMap(({ missing }) => missing) }
    },
    async remove(name, image) {
      const { provider, images } = at(name)
      if (makings.get(name)?.state === 'making') throw new BerthError('conflict', `an image is being made at ${name}`, { hint: 'wait for it' })
      await toEnd((poll, signal) => images.remove(image, { signal, ...poll }), { signal: AbortSignal.timeout(GIVEN_UP_WITHIN_MS) })
      await count(deps, provider)
    },
    async round(signal) {
      for (const provider of makers()) await count(deps, provider, signal)
    },
    async stop() {
      stopping.abort(new DOMException('the server stops', 'AbortError'))
      await Promise.all([...makings.values()].map(({ ended }) => ended))
    },
  }
}

async function priceOf({ provider, images }: At): Promise<ImageBuild['price']> {
  return images.price(AbortSignal.timeout(LOOK_WITHIN_MS)).catch((cause: unknown) => {
    throw new BerthError('provider_unavailable', `${provider.name} does not say what an image costs: ${failureOf(cause).message}`, { hint: `see \`berth provider check ${provider.name}\``, cause })
  })
}

/** Never rejects. */
async function make(deps: ImagesDeps, { provider, images }: At, { making, agents, stopping }: { making: Making; agents: readonly AgentProgramName[]; stopping: AbortSignal }): Promise<void> {
  const say = (line: string): void => {
    making.detail = line.slice(0, LINE)
    if (making.log.at(-1) === making.detail) return
    making.log.push(making.detail)
    if (making.log.length > LINES) making.log.shift()
    deps.log(`image at ${provider.name}: ${making.detail}`)
  }
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(MADE_WITHIN_MS)])
  try {
    const wanted = await prepare(deps, { agents, say }, signal)
    let told: string | null = null
    const image = await toEnd(async (poll) => {
      const step = await images.build(wanted, { signal, log: say, ...poll })
      // What was bought is counted from when it is there, and no more often than something happens to it.
      if (!step.done && step.detail !== told) await count(deps, provider, signal)
      told = step.done ? null : step.detail
      return step
    }, { signal, say })
    making.image = imageView(provider, image, wanted.toolbox.hash)
    await count(deps, provider, signal)
    say('the image is ready')
    making.state = 'ready'
  } catch (error) {
    making.failure = failureOf(error)
    say(making.failure.message)
    // What the next server finds goes on where this one ended.
    if (!stopping.aborted) await toEnd((poll, within) => images.giveUp({ signal: within, ...poll }), { signal: AbortSignal.any([stopping, AbortSignal.timeout(GIVEN_UP_WITHIN_MS)]), say }).catch((cause: unknown) => say(`what it was made with is still there: ${String(cause)}; the reaper removes it`))
    if (!stopping.aborted) await count(deps, provider, stopping)
    making.state = 'failed'
  }
  making.endedAt = deps.clock.now()
}

async function prepare({ toolbox, link }: ImagesDeps, { agents, say }: { agents: readonly AgentProgramName[]; say: (line: string) => void }, signal: AbortSignal): Promise<ImageWanted> {
  say('preparing the daemon and the programs')
  const ref = await toolbox.ensureDaemon(undefined, signal)
  const programs = new Set<string>()
  for (const agent of agents) {
    await toolbox.ensureAgent({ agent, onProgress: say }, signal)
    const { version, runtime } = AGENT_PROGRAMS[agent]
    programs.add(`${agent}-${toolbox.chosen(agent) ?? version}`)
    if (runtime !== null) programs.add(`node-${NODE_RUNTIME.version}`)
  }
  return { toolbox: ref, programs: [...programs], link }
}

type Poll = { readonly poll?: Readonly<Record<string, unknown>> }
/** Step after step until it is done; what passes is tried again. */
async function toEnd<T>(step: (poll: Poll, signal: AbortSignal) => Promise<Step<T>>, { signal, say = () => {} }: { signal: AbortSignal; say?: (line: string) => void }): Promise<T> {
  let poll: Poll = {}
  for (let failed = 0; ;) {
    signal.throwIfAborted()
    let waitMs: number
    try {
      const result = await step(poll, signal)
      if (result.done) return result.value
      say(result.detail)
      poll = { poll: result.poll }
      waitMs = Math.max(result.afterMs, LEAST_WAIT_MS)
      failed = 0
    } catch (error) {
      failed += 1
      if (!(error instanceof ProviderFault) || !PASSING.has(error.category) || error.committed === 'yes' || failed >= TRIES) throw error
      say(`${error.message}; trying again`)
      waitMs = Math.max(error.retryAfterMs ?? 0, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failed))
    }
    await pause(waitMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

async function listed(deps: ImagesDeps, provider: Provider, hash: string): Promise<{ images: ImageView[]; missing: string[] }> {
  try {
    const inventory = await look(deps, provider, AbortSignal.timeout(LOOK_WITHIN_MS))
    return { images: inventory.items.map((image) => imageView(provider, image, hash)), missing: inventory.complete ? [] : inventory.missing.map((what) => `${provider.name}: ${what}`) }
  } catch (error) {
    return { images: [], missing: [`${provider.name}: ${messageOf(error)}`] }
  }
}

const NONE = { items: [], complete: true, missing: [] } as const
async function look({ kept }: ImagesDeps, provider: Provider, signal: AbortSignal): Promise<Inventory<MachineImage>> {
  const [images = NONE, machines = NONE] = await Promise.all([provider.images?.list(signal), provider.images?.machines?.(signal)])
  await kept(provider.name, { images, machines })
  return images
}

/** What could not be seen now is counted by the next look. */
async function count(deps: ImagesDeps, provider: Provider, signal = AbortSignal.timeout(LOOK_WITHIN_MS)): Promise<void> {
  try {
    await look(deps, provider, AbortSignal.any([signal, AbortSignal.timeout(LOOK_WITHIN_MS)]))
  } catch (error) {
    deps.log(`images at ${provider.name}: not counted: ${messageOf(error)}`)
  }
}

const imageView = (provider: Provider, image: MachineImage, hash: string): ImageView => ({ provider: provider.name, ...image, fits: image.state === 'ready' && (image.toolbox === null || image.toolbox === hash) })

function failureOf(error: unknown): NonNullable<ImageBuild['failure']> {
  if (error instanceof ProviderFault) return { code: 'provider_unavailable', message: error.message, hint: error.hint || null }
  if (error instanceof BerthError) return { code: error.code, message: error.message, hint: error.hint ?? null }
  return error instanceof Error && error.name === 'TimeoutError' ? { code: 'timeout', message: 'it took too long', hint: 'try again' } : { code: 'internal', message: 'the making broke off', hint: 'see `berth server logs`' }
}
