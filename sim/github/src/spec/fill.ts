/** What the description requires of an answer and the world has nothing to say about: its emptiest value. */
import { nameOf } from './normalise.ts'
import type { SchemaNode } from './normalise.ts'
import { SCHEMAS } from './guard.ts'

const EPOCH = '2020-01-01T00:00:00Z'

export function filled(name: string, known: Record<string, unknown>): Record<string, unknown> {
  const schema = SCHEMAS[name]
  if (schema === undefined) throw new Error(`the description has no ${name}`)
  return filledBy(schema, known)
}

/** A form that stands inside another. */
export function filledIn(name: string, property: string, known: Record<string, unknown>): Record<string, unknown> {
  const inner = (SCHEMAS[name]?.['properties'] as Record<string, SchemaNode> | undefined)?.[property]
  if (inner === undefined) throw new Error(`the description has no ${property} in ${name}`)
  return filledBy(inner, known)
}

function filledBy(schema: SchemaNode, known: Record<string, unknown>): Record<string, unknown> {
  const properties = schema['properties'] as Record<string, SchemaNode>
  const rest = ((schema['required'] as string[] | undefined) ?? []).filter((key) => !(key in known))
  return { ...known, ...Object.fromEntries(rest.map((key) => [key, emptyOf(properties[key] ?? {}, key)])) }
}

function emptyOf(schema: SchemaNode, key: string): unknown {
  if (schema['nullable'] === true) return null
  if (typeof schema['$ref'] === 'string') return emptyOf(SCHEMAS[nameOf(schema['$ref'])] ?? {}, key)
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  const alternative = (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']) as SchemaNode[] | undefined
  if (alternative !== undefined) return emptyOf(alternative[0] ?? {}, key)
  return schema['type'] === 'object' ? filledBy({ properties: {}, ...schema }, {}) : emptyPlain(schema, key)
}

const EMPTY: Readonly<Record<string, unknown>> = { array: [], boolean: false, integer: 0, number: 0 }
function emptyPlain(schema: SchemaNode, key: string): unknown {
  const plain = EMPTY[String(schema['type'])]
  if (plain !== undefined) return plain
  if (schema['format'] === 'date-time') return EPOCH
  return schema['format'] === 'uri' || key.endsWith('url') ? 'https://github.invalid/nothing' : ''
}
