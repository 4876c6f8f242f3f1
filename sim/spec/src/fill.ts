/** What a description requires of an answer and the world has nothing to say about: its emptiest value. */
import { nameOf } from './normalise.ts'
import type { SchemaNode } from './normalise.ts'

const EPOCH = '2020-01-01T00:00:00Z'
const EMPTY: Readonly<Record<string, unknown>> = { array: [], boolean: false, integer: 0, number: 0 }

type Known = Record<string, unknown>
export interface Fill {
  /** An object as the schema of that name wants it, with what is known in it. */
  filled(name: string, known: Known): Known
  /** One whose form stands inside another. */
  filledIn(name: string, property: string, known: Known): Known
}

export function createFill(schemas: Readonly<Record<string, SchemaNode>>): Fill {
  const of = (name: string): SchemaNode => {
    const schema = schemas[name]
    if (schema === undefined) throw new Error(`the description has no ${name}`)
    return schema
  }
  function filledBy(schema: SchemaNode, known: Known): Known {
    const properties = schema['properties'] as Record<string, SchemaNode>
    const rest = ((schema['required'] as string[] | undefined) ?? []).filter((key) => !(key in known))
    return { ...known, ...Object.fromEntries(rest.map((key) => [key, emptyOf(properties[key] ?? {}, key)])) }
  }
  function emptyOf(schema: SchemaNode, key: string): unknown {
    if (schema['nullable'] === true) return null
    if (typeof schema['$ref'] === 'string') return emptyOf(of(nameOf(schema['$ref'])), key)
    if (Array.isArray(schema['enum'])) return schema['enum'][0]
    const alternative = (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']) as SchemaNode[] | undefined
    if (alternative !== undefined) return emptyOf(alternative[0] ?? {}, key)
    return schema['type'] === 'object' ? filledBy({ properties: {}, ...schema }, {}) : emptyPlain(schema, key)
  }
  return {
    filled: (name, known) => filledBy(of(name), known),
    filledIn(name, property, known) {
      const inner = (of(name)['properties'] as Record<string, SchemaNode> | undefined)?.[property]
      if (inner === undefined) throw new Error(`the description has no ${property} in ${name}`)
      return filledBy(inner, known)
    },
  }
}

function emptyPlain(schema: SchemaNode, key: string): unknown {
  const plain = EMPTY[String(schema['type'])]
  if (plain !== undefined) return plain
  if (schema['format'] === 'date-time') return EPOCH
  return schema['format'] === 'uri' || key.endsWith('url') ? 'https://vendor.invalid/nothing' : ''
}
