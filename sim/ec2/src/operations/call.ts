/** What every operation is given, and how it finds what is asked for. */
import type { ListAs } from '@berth/sim-vendor'
import { Refusal, type Tags } from '../model.ts'
import type { World } from '../world.ts'

export interface Call<Input = unknown> { readonly world: World; readonly input: Input; readonly seen: ListAs }
export type Operation = (call: Call) => unknown

/** What the codec read by the schema of this operation has its type. */
export const taking = <Input>(run: (call: Call<Input>) => unknown): Operation => (call) => run(call as Call<Input>)

interface Thing { readonly id: string; readonly createdAt: number }

/** What is young is not everywhere yet. */
function visible<T extends Thing>({ world, seen }: Pick<Call, 'world' | 'seen'>, all: Iterable<T>): T[] {
  const lagMs = seen === 'stale' ? Math.max(world.lagMs(), STALE_MS) : world.lagMs()
  return [...all].filter(({ createdAt }) => world.now() - createdAt >= lagMs)
}
const STALE_MS = 60_000

export interface Kind { readonly code: string; readonly what: string }
export const KIND = {
  instance: { code: 'InvalidInstanceID.NotFound', what: 'instance ID' }, volume: { code: 'InvalidVolume.NotFound', what: 'volume' },
  group: { code: 'InvalidGroup.NotFound', what: 'security group' }, networkInterface: { code: 'InvalidNetworkInterfaceID.NotFound', what: 'networkInterface ID' },
  image: { code: 'InvalidAMIID.NotFound', what: 'image id' }, snapshot: { code: 'InvalidSnapshot.NotFound', what: 'snapshot' },
} as const satisfies Record<string, Kind>

/** Those of these ids; all where none is given. */
export function named<T extends Thing>(call: Pick<Call, 'world' | 'seen'>, all: Iterable<T>, { ids, kind }: { ids: readonly string[] | undefined; kind: Kind }): T[] {
  const found = visible(call, all)
  if (ids === undefined) return found
  return ids.map((id) => {
    const one = found.find((each) => each.id === id)
    if (one === undefined) throw new Refusal(kind.code, `The ${kind.what} '${id}' does not exist`)
    return one
  })
}

export const one = <T extends Thing>(call: Pick<Call, 'world' | 'seen'>, all: Iterable<T>, at: { id: string; kind: Kind }): T => named(call, all, { ids: [at.id], kind: at.kind })[0] as T

export interface TagList { readonly Key?: string; readonly Value?: string }
const TAGS_AT_MOST = 50
export function tagsOf(list: readonly TagList[] | undefined): Tags {
  const tags: Record<string, string> = {}
  for (const { Key, Value } of list ?? []) {
    if (Key === undefined || Key.length === 0 || Key.length > 128 || (Value ?? '').length > 256 || Key.startsWith('aws:')) throw new Refusal('InvalidParameterValue', `Tag ${Key ?? ''} is invalid`)
    if (Key in tags) throw new Refusal('InvalidParameterValue', `Duplicate tag key '${Key}' specified.`)
    tags[Key] = Value ?? ''
  }
  if (Object.keys(tags).length > TAGS_AT_MOST) throw new Refusal('TagLimitExceeded', 'too many tags')
  return tags
}
export interface TagSpecification { readonly ResourceType?: string; readonly Tags?: readonly TagList[] }
/** By resource; one that the operation does not make is refused. */
export function specified(given: readonly TagSpecification[] | undefined, kinds: readonly string[]): Readonly<Record<string, Tags>> {
  const found: Record<string, Tags> = {}
  for (const { ResourceType = '', Tags } of given ?? []) {
    if (!kinds.includes(ResourceType)) throw new Refusal('InvalidParameterValue', `'${ResourceType}' is not a valid taggable resource type for this operation.`)
    found[ResourceType] = tagsOf(Tags)
  }
  return found
}
export const tagSet = (tags: Tags): { Key: string; Value: string }[] => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
