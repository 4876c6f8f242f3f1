/**
 * Images that are made of a machine: one is bought, fetches the daemon and agents' programs, is copied and given back. What
 * each vendor does differently is `ImageVendor`; when which of it is done is here. What is kept and what is made of it carry the
 * installation's mark, and one of their own that makes them no workspace's.
 */
import { createHash } from 'node:crypto'
import { ProviderFault, type CallContext, type ImagePrice, type ImageWanted, type Inventory, type Leftover, type MachineImage, type Provider, type ProviderImages, type Quote, type Step } from '@berth/core'
import type { Labels } from './owner-labels.ts'

export const IMAGE_LABEL = { toolbox: 'dev.berth.image', base: 'dev.berth.image-base', token: 'dev.berth.image-token' } as const
export const isOfImage = (labels: Labels): boolean => labels?.[IMAGE_LABEL.toolbox] !== undefined

/** What is kept. `order`: the oldest first. */
export interface Kept extends MachineImage { readonly order: string }
/** What one is made of. */
export interface Builder {
  readonly id: string
  readonly order: string
  readonly toolbox: string
  /** What it shows to fetch; '': it does not fetch any more. */
  readonly tokenMark: string
  readonly createdAt: number
  /** What it costs while it is there, off too: for some minutes that is near enough. Null: nobody says. */
  readonly quote: Quote | null
  /** `busy`: nothing can be done with it now. `waiting`: it is up, and has to be told to fetch. `ready`: it has all, and can be copied. */
  readonly state: 'busy' | 'starting' | 'waiting' | 'fetching' | 'ready'
}
export interface Doing { readonly signal: AbortSignal; readonly log?: (line: string) => void }
export interface Making extends Doing { readonly wanted: ImageWanted; readonly base: string }

export interface ImageVendor {
  /** As people call it, and what it calls a machine and a copy of its disk. */
  readonly words: { readonly vendor: string; readonly machine: string; readonly copy: string }
  readonly installation: string
  /** What it is made from; another one makes another image. */
  base(signal: AbortSignal): string | Promise<string>
  price(signal: AbortSignal): Promise<ImagePrice>
  kept(signal: AbortSignal): Promise<Inventory<Kept>>
  builders(signal: AbortSignal): Promise<Inventory<Builder>>
  /** One, that fetches; not before it is gone is another one bought. */
  buy(making: Making): Promise<void>
  /** Where the vendor takes no first instructions. May be repeated. */
  begin?(builder: Builder, making: Making): Promise<void>
  copy(builder: Builder, making: Making): Promise<void>
  /** Each reads once more whose it is, right before. Gone is done. */
  removeKept(name: string, signal: AbortSignal): Promise<void>
  removeBuilder(builder: Builder, signal: AbortSignal): Promise<void>
  readonly lookAgainMs: number
  now(): number
}

/** One that fetches for longer has failed; what makes images gives up before. */
const MADE_WITHIN_MS = 20 * 60_000
/** Nobody waits for it any more, whatever became of who did. */
const FORGOTTEN_AFTER_MS = 45 * 60_000
const KIND = { kept: 'image', builder: 'image-machine' } as const

export const markOf = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 16)
const oldestFirst = <T extends { readonly order: string }>(all: readonly T[]): T[] => [...all].sort((a, b) => (a.order < b.order ? -1 : 1))
const later = ({ lookAgainMs }: ImageVendor, detail: string): Step<never> => ({ done: false, poll: {}, afterMs: lookAgainMs, detail })

/** Without what only its vendor's code knows of it. */
const imageOf = ({ name, toolbox, base, state, createdAt, sizeBytes, currency, monthlyMicros }: Kept): MachineImage => ({ name, toolbox, base, state, createdAt, sizeBytes, currency, monthlyMicros })

export function createMadeImages(vendor: ImageVendor): ProviderImages {
  return {
    price: (signal) => vendor.price(signal),
    build: (wanted, context) => build(vendor, wanted, context),
    async list(signal) {
      const { items, ...rest } = await vendor.kept(signal)
      return { ...rest, items: items.map(imageOf) }
    },
    async machines(signal) {
      const { items, ...rest } = await vendor.builders(signal)
      return { ...rest, items: items.map(({ id, createdAt, quote }) => ({ name: id, createdAt, quote })) }
    },
    async remove(name, { signal }) {
      // What failed is of no use: it may be the rest of this one.
      for (const kept of (await vendor.kept(signal)).items) if (kept.name === name || kept.state === 'failed') await vendor.removeKept(kept.name, signal)
      return { done: true, value: null }
    },
    async giveUp({ signal }) {
      const { items } = await vendor.builders(signal)
      for (const builder of items) await vendor.removeBuilder(builder, signal)
      return items.length === 0 ? { done: true, value: null } : later(vendor, `the ${vendor.words.machine} is given back`)
    },
  }
}

/** For a new machine: of this toolbox and base. Null: none. */
export async function fittingImage<K extends Kept>(vendor: { kept(signal: AbortSignal): Promise<Inventory<K>> }, { toolbox, base }: { toolbox: string; base: string }, signal: AbortSignal): Promise<K | null> {
  const { items } = await vendor.kept(signal)
  return oldestFirst(items).find((kept) => kept.state === 'ready' && kept.toolbox === toolbox && kept.base === base) ?? null
}

/** A provider's leftovers, and beside them the machine of a making that nobody waits for, and what is kept. */
export function withImageLeftovers(vendor: ImageVendor, own: Pick<Provider, 'leftovers' | 'removeLeftover'>): Pick<Provider, 'leftovers' | 'removeLeftover'> {
  return {
    async leftovers(installation, signal) {
      const [all, ofImages] = await Promise.all([own.leftovers(installation, signal), leftoversOf(vendor, signal)])
      return { items: [...all.items, ...ofImages.items], complete: all.complete && ofImages.complete, missing: [...all.missing, ...ofImages.missing] }
    },
    async removeLeftover(leftover, signal) {
      const { kind, name } = leftover
      if (kind === KIND.kept) return vendor.removeKept(name, signal)
      if (kind !== KIND.builder) return own.removeLeftover(leftover, signal)
      const found = (await vendor.builders(signal)).items.find(({ id }) => id === name)
      if (found !== undefined) await vendor.removeBuilder(found, signal)
    },
  }
}

async function leftoversOf(vendor: ImageVendor, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const [kept, made] = await Promise.all([vendor.kept(signal), vendor.builders(signal)])
  const owner = { installation: vendor.installation, workspaceId: 'image', generation: 0 }
  return {
    items: [
      ...made.items.filter(({ createdAt }) => vendor.now() - createdAt > FORGOTTEN_AFTER_MS).map(({ id, createdAt }): Leftover => ({ kind: KIND.builder, name: id, owner, createdAt })),
      ...kept.items.map(({ name, createdAt }): Leftover => ({ kind: KIND.kept, name, owner, createdAt, kept: true })),
    ],
    complete: kept.complete && made.complete, missing: [...kept.missing, ...made.missing],
  }
}

async function build(vendor: ImageVendor, wanted: ImageWanted, { signal, log }: CallContext): Promise<Step<MachineImage>> {
  signal.throwIfAborted()
  const { words } = vendor
  const base = await vendor.base(signal)
  const [kept, made] = await Promise.all([vendor.kept(signal), vendor.builders(signal)])
  if (!kept.complete || !made.complete) throw new ProviderFault('transient', `${words.vendor} gave only a part of a list`, { hint: 'it is tried again' })
  const mine = oldestFirst(kept.items).filter((each) => each.toolbox === wanted.toolbox.hash && each.base === base)
  const ready = mine.find(({ state }) => state === 'ready')
  if (ready !== undefined) return tidied(vendor, ready, { kept: kept.items, builders: made.items }, signal)
  if (mine.some(({ state }) => state === 'making')) return later(vendor, `the ${words.copy} is made`)
  // One that failed is no reason to make none.
  for (const { name } of mine) await vendor.removeKept(name, signal)
  const [builder, ...more] = oldestFirst(made.items)
  for (const each of more) await vendor.removeBuilder(each, signal)
  const making: Making = { wanted, base, signal, ...(log === undefined ? {} : { log }) }
  if (builder === undefined) {
    await vendor.buy(making)
    return later(vendor, `a ${words.machine} starts, to make it of`)
  }
  return goOn(vendor, builder, making)
}

/** With the machine that it is made of. */
async function goOn(vendor: ImageVendor, builder: Builder, making: Making): Promise<Step<MachineImage>> {
  const { wanted: { toolbox, link }, signal, log } = making
  const { words: { machine, copy } } = vendor
  // Of another toolbox, or with a token that nobody takes any more.
  if (builder.toolbox !== toolbox.hash || (builder.state !== 'ready' && builder.tokenMark !== markOf(link.token))) {
    await vendor.removeBuilder(builder, signal)
    return later(vendor, `the ${machine} of an earlier try goes`)
  }
  if (builder.state === 'busy') return later(vendor, `the ${machine} starts`)
  if (builder.state !== 'ready') {
    if (vendor.now() - builder.createdAt > MADE_WITHIN_MS) throw new ProviderFault('unknown', `the ${machine} that the image was to be made of did not get ready`, { committed: 'yes', hint: 'can machines reach this server at its linkUrl? then try again' })
    if (builder.state === 'waiting') await vendor.begin?.(builder, making)
    return later(vendor, builder.state === 'fetching' ? `the ${machine} fetches the daemon and the programs` : `the ${machine} starts`)
  }
  log?.(`the ${machine} is ready; its disk is copied`)
  await vendor.copy(builder, making)
  return later(vendor, `the ${copy} is made`)
}

/** What it was made of goes, and images of other toolboxes, which fit no machine any more. */
async function tidied(vendor: ImageVendor, ready: Kept, others: { kept: readonly Kept[]; builders: readonly Builder[] }, signal: AbortSignal): Promise<Step<MachineImage>> {
  if (others.builders.length > 0) {
    for (const builder of others.builders) await vendor.removeBuilder(builder, signal)
    return later(vendor, `the ${vendor.words.machine} it was made of is given back`)
  }
  for (const { name, state } of others.kept) if (name !== ready.name && state !== 'making') await vendor.removeKept(name, signal)
  return { done: true, value: imageOf(ready) }
}

/** For people, and within what vendors take as a description. */
export const describedAs = ({ wanted: { toolbox: { hash }, programs } }: Pick<Making, 'wanted'>, limit = 255): string => `Berth ${hash}: ${programs.join(', ') || 'no programs'}`.slice(0, limit)
