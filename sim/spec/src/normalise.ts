/** OpenAPI 3.0 schemas as JSON Schema 2020-12, closed: a property that is not described is refused, in requests and in answers. */
export type SchemaNode = { [key: string]: unknown }
type Components = Record<string, SchemaNode>

const COMPOSITIONS = ['allOf', 'anyOf', 'oneOf'] as const

/** `open`: part of a composition, which is closed as a whole. */
export function normalise(node: unknown, components: Components, open = false): unknown {
  if (Array.isArray(node)) return node.map((item) => normalise(item, components, open))
  if (node === null || typeof node !== 'object') return node
  const { nullable, ...schema } = node as SchemaNode
  const reference = schema['$ref']
  if (typeof reference === 'string') return orNull(nullable, open ? normalise(components[nameOf(reference)], components, true) : { $ref: `api#/schemas/${nameOf(reference)}` })
  const composed = COMPOSITIONS.some((key) => schema[key] !== undefined)
  // Parts that stand beside properties, or add up, are open; alternatives that stand alone are each whole.
  const partsOpen = open || schema['allOf'] !== undefined || schema['properties'] !== undefined
  const out: SchemaNode = {}
  for (const [key, value] of Object.entries(schema)) out[key] = part(key, value, components, partsOpen)
  if (!open && closes(schema, components)) out['unevaluatedProperties'] = false
  return nullable === true ? orNullInside(out, composed) : out
}

/** `type` and `enum` take null in; compositions stand beside it. */
function orNullInside(schema: SchemaNode, composed: boolean): unknown {
  if (composed || typeof schema['type'] !== 'string') return orNull(true, schema)
  return { ...schema, type: [schema['type'], 'null'], ...(Array.isArray(schema['enum']) ? { enum: [...(schema['enum'] as unknown[]), null] } : {}) }
}

function closes(schema: SchemaNode, components: Components): boolean {
  if (schema['properties'] === undefined && schema['allOf'] === undefined) return false
  return schema['additionalProperties'] === undefined && !opened(schema, components)
}

function part(key: string, value: unknown, components: Components, partsOpen: boolean): unknown {
  if (key === 'enum' || key === 'default' || key === 'required') return value
  if (key === 'properties') return Object.fromEntries(Object.entries(value as SchemaNode).map(([name, of]) => [name, normalise(of, components)]))
  return normalise(value, components, (COMPOSITIONS as readonly string[]).includes(key) && partsOpen)
}

function opened(schema: SchemaNode, components: Components): boolean {
  return ((schema['allOf'] as SchemaNode[] | undefined) ?? []).some((of) => (typeof of['$ref'] === 'string' ? components[nameOf(of['$ref'])] : of)?.['additionalProperties'] === true)
}

function orNull(nullable: unknown, schema: unknown): unknown {
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema
}

export const nameOf = (reference: string): string => reference.split('/').at(-1) ?? ''
