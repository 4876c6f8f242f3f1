/** The vendor's own description: the Smithy schemas that its official client carries, read as data. */
import * as sdk from '@aws-sdk/client-ec2'

export type Schema =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'timestamp' | 'blob' }
  | { readonly kind: 'list'; readonly item: Member }
  | { readonly kind: 'structure'; readonly name: string; readonly members: readonly Member[] }
export interface Member {
  readonly name: string
  readonly required: boolean
  /** Its key in a request, its element in an answer. */
  readonly asked: string
  readonly answered: string
  schema(): Schema
}
export interface Operation { readonly name: string; readonly input: Schema; readonly output: Schema }

/** `[kind, namespace, name, traits, …]`; a member is a schema, one behind a function, or either with its traits. */
type Raw = number | 'unit' | readonly unknown[] | (() => Raw)
interface Traits { readonly xmlName?: string; readonly ec2QueryName?: string }

const OPERATION = 9
const STRUCTURE = 3
const LIST = 1
/** Added to a simple type: a list of it. */
const LIST_OF = 64
const SIMPLE: Readonly<Record<number, 'string' | 'number' | 'boolean' | 'timestamp' | 'blob'>> = { 0: 'string', 1: 'number', 2: 'boolean', 4: 'timestamp', 5: 'timestamp', 6: 'timestamp', 7: 'timestamp', 21: 'blob' }

export function operationOf(name: string): Operation | null {
  // The export is what its name says, or there is none.
  const raw = (sdk as unknown as Readonly<Record<string, readonly unknown[] | undefined>>)[`${name}$`]
  if (raw?.[0] !== OPERATION) return null
  return { name, input: schemaOf(raw[4] as Raw), output: schemaOf(raw[5] as Raw) }
}

const read = new Map<unknown, Schema>()

function schemaOf(raw: Raw): Schema {
  if (typeof raw === 'function') return schemaOf(raw())
  const found = read.get(raw)
  if (found !== undefined) return found
  const made = madeFrom(raw)
  read.set(raw, made)
  return made
}

function madeFrom(raw: number | 'unit' | readonly unknown[]): Schema {
  if (raw === 'unit') return { kind: 'structure', name: 'unit', members: [] }
  if (typeof raw === 'number') {
    const kind = SIMPLE[raw & ~LIST_OF]
    if (kind === undefined) throw new Error(`no type ${raw} is known`)
    return raw >= LIST_OF ? { kind: 'list', item: memberOf('member', raw - LIST_OF, false) } : { kind }
  }
  if (raw[0] === 0 && typeof raw[1] === 'string') return schemaOf(raw[4] as Raw)
  if (raw[0] === LIST) return { kind: 'list', item: memberOf('member', raw[4] as Raw, false) }
  if (raw[0] !== STRUCTURE) throw new Error(`no schema of kind ${String(raw[0])} is known`)
  const names = raw[4] as readonly string[]
  const members = raw[5] as readonly Raw[]
  const required = Number(raw[6] ?? 0)
  return { kind: 'structure', name: String(raw[2]), members: names.map((name, at) => memberOf(name, members[at] as Raw, at < required)) }
}

function memberOf(name: string, raw: Raw, required: boolean): Member {
  const withTraits = Array.isArray(raw) && typeof raw[1] !== 'string'
  const of = withTraits ? (raw as readonly unknown[])[0] as Raw : raw
  const given = withTraits ? (raw as readonly unknown[])[1] : null
  const { xmlName, ec2QueryName } = (typeof given === 'object' && given !== null ? given : {}) as Traits
  const capitals = xmlName === undefined ? name : `${xmlName.slice(0, 1).toUpperCase()}${xmlName.slice(1)}`
  return { name, required, asked: ec2QueryName ?? capitals, answered: xmlName ?? name, schema: () => schemaOf(of) }
}
