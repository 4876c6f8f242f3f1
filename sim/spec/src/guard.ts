/** Every request and every answer against a published description, closed: what it does not name is refused. */
import Ajv from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { nameOf, normalise } from './normalise.ts'
import type { SchemaNode } from './normalise.ts'

interface Parameter { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: SchemaNode }
interface Response { readonly content?: Record<string, { schema: SchemaNode }> }
interface Described {
  readonly operationId: string
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, { schema: SchemaNode }> }
  readonly responses: Record<string, Response | { readonly $ref: string }>
}
/** A description as `slice` cuts it. */
export interface Description {
  readonly info: { readonly version: string }
  readonly paths: Record<string, Record<string, Described>>
  /** What the vendor sends by itself, by name. */
  readonly webhooks?: Record<string, SchemaNode>
  readonly components: { readonly schemas: Record<string, SchemaNode>; readonly parameters?: Record<string, Parameter>; readonly responses?: Record<string, Response> }
}
/** Where a vendor as its own clients know it differs from what it publishes. What has no reason is a fault of ours. */
export interface Overlay {
  readonly operation: string
  readonly reason: string
  /** Instead of the published form, by status. */
  readonly answers?: Readonly<Record<number, SchemaNode>>
  /** Properties of the body in place of the published ones. */
  readonly body?: Readonly<Record<string, SchemaNode>>
  /** Query parameters beside the published ones. */
  readonly query?: Readonly<Record<string, SchemaNode>>
}

export interface Operation {
  readonly id: string
  readonly method: string
  readonly pattern: RegExp
  readonly names: readonly string[]
  /** Parameters that may be given several times. */
  readonly lists: ReadonlySet<string>
  parameters(): ValidateFunction
  readonly body: (() => ValidateFunction) | null
  readonly bodyRequired: boolean
  /** By status, or `4xx`; null: an answer without a body. */
  readonly answers: ReadonlyMap<string, (() => ValidateFunction) | null>
}
export interface Asked { readonly operation: Operation; readonly path: Record<string, string | number>; readonly query: Record<string, unknown>; readonly body: Record<string, unknown> }
export type Matched = { readonly kind: 'unknown' } | { readonly kind: 'invalid'; readonly problem: string } | { readonly kind: 'asked'; readonly asked: Asked }
export interface Guard {
  match(asked: { method: string; url: URL; pathname: string; body: unknown }): Matched
  /** Null: as described. */
  problemOf(operation: Operation, status: number, body: unknown): string | null
  /** Null: as a webhook of that name is described. */
  problemOfPayload(name: string, payload: unknown): string | null
}

/** `refusal`: the schema of an error that any operation may answer. */
export function createGuard({ description, overlays, refusal }: { description: Description; overlays: readonly Overlay[]; refusal: string }): Guard {
  const { components } = description
  const options = { strict: false, allErrors: true, logger: false as const, allowUnionTypes: true }
  const ajv = new Ajv(options)
  const coercing = new Ajv({ ...options, coerceTypes: 'array', useDefaults: true })
  for (const each of [ajv, coercing]) {
    addFormats(each)
    each.addSchema({ $id: 'api', schemas: Object.fromEntries(Object.entries(components.schemas).map(([name, schema]) => [name, normalise(schema, components.schemas)])) })
  }
  const anyRefusal = lazily(() => ajv.compile(normalise({ $ref: refusal }, components.schemas) as SchemaNode))
  const operations = Object.entries(description.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => operationOf({ path, method, described, description, overlay: overlays.find(({ operation }) => operation === described.operationId) }, ajv, coercing)))
  // The more literal path first: `/servers/actions` is no `/servers/{id}`.
  operations.sort((a, b) => a.names.length - b.names.length)
  const payloads = new Map(Object.entries(description.webhooks ?? {}).map(([name, schema]) => [name, lazily(() => ajv.compile(normalise(schema, components.schemas) as SchemaNode))]))
  return {
    problemOfPayload(name, payload) {
      const check = payloads.get(name)?.()
      if (check === undefined) return `no webhook is called ${name}`
      return check(payload) ? null : `webhook ${name}: ${told(check)}`
    },
    match({ method, url, pathname, body }) {
      for (const operation of operations) {
        const found = operation.method === method ? operation.pattern.exec(pathname) : null
        if (found !== null) return judged(operation, { found, url, body })
      }
      return { kind: 'unknown' }
    },
    problemOf(operation, status, body) {
      const { answers } = operation
      const answer = answers.get(answers.has(String(status)) ? String(status) : `${Math.floor(status / 100)}xx`)
      // Refusals that any operation may meet (401, 403, 404, 429, 5xx) are described for few of them.
      const check = answer === undefined ? (status >= 400 ? anyRefusal() : null) : answer === null ? null : answer()
      if (answer === undefined && check === null) return `${operation.id} never answers ${status}`
      if (check === null) return body === null ? null : `${operation.id} answers ${status} without a body`
      return check(body) ? null : `${operation.id} ${status}: ${told(check)}`
    },
  }
}

interface Source { readonly path: string; readonly method: string; readonly described: Described; readonly description: Description; readonly overlay: Overlay | undefined }

function operationOf({ path, method, described, description, overlay }: Source, ajv: Ajv, coercing: Ajv): Operation {
  const { components } = description
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name)
  const given = (described.parameters ?? []).map((each) => ('$ref' in each ? (components.parameters?.[nameOf(each.$ref)] as Parameter) : each))
  const parameters = [...given, ...Object.entries(overlay?.query ?? {}).map(([name, schema]): Parameter => ({ name, in: 'query', schema }))]
  const schema = (of: SchemaNode): SchemaNode => normalise(of, components.schemas) as SchemaNode
  const json = described.requestBody?.content['application/json']?.schema
  const body = json === undefined ? undefined : withOverlay(json, overlay, components.schemas)
  const properties = Object.fromEntries(parameters.map(({ name, schema: of }) => [name, of] as const))
  return {
    id: described.operationId, method: method.toUpperCase(), names, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '([^/]+)')}$`),
    lists: new Set(parameters.filter(({ schema: of }) => of['type'] === 'array').map(({ name }) => name)),
    parameters: lazily(() => coercing.compile({ type: 'object', additionalProperties: false, properties: normalise(properties, components.schemas) as object, required: parameters.filter(({ required }) => required === true).map(({ name }) => name) })),
    body: body === undefined ? null : lazily(() => ajv.compile(schema(body))), bodyRequired: described.requestBody?.required ?? false, answers: answersOf({ described, description, overlay }, (of) => ajv.compile(schema(of))),
  }
}

function answersOf({ described, description, overlay }: Omit<Source, 'path' | 'method'>, compile: (of: SchemaNode) => ValidateFunction): Operation['answers'] {
  const answers = new Map<string, (() => ValidateFunction) | null>()
  for (const [status, each] of Object.entries(described.responses)) {
    const response = '$ref' in each ? description.components.responses?.[nameOf(each.$ref)] : each
    const of = overlay?.answers?.[Number(status)] ?? response?.content?.['application/json']?.schema
    answers.set(status, of === undefined ? null : lazily(() => compile(of)))
  }
  return answers
}

function withOverlay(json: SchemaNode, overlay: Overlay | undefined, schemas: Record<string, SchemaNode>): SchemaNode {
  if (overlay?.body === undefined) return json
  const of = typeof json['$ref'] === 'string' ? schemas[nameOf(json['$ref'])] ?? {} : json
  return { ...of, properties: { ...of['properties'] as SchemaNode, ...overlay.body } }
}

function judged(operation: Operation, { found, url, body }: { found: RegExpExecArray; url: URL; body: unknown }): Matched {
  const path = Object.fromEntries(operation.names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]))
  const query = Object.fromEntries([...new Set(url.searchParams.keys())].map((name) => [name, operation.lists.has(name) ? url.searchParams.getAll(name) : url.searchParams.get(name)]))
  const given: Record<string, unknown> = { ...query, ...path }
  const parameters = operation.parameters()
  if (!parameters(given)) return { kind: 'invalid', problem: `parameters of ${operation.id}: ${told(parameters)}` }
  const nothing = body === undefined
  if (operation.body === null && !nothing && Object.keys(body ?? {}).length > 0) return { kind: 'invalid', problem: `${operation.id} takes no body` }
  if (operation.body !== null && nothing && operation.bodyRequired) return { kind: 'invalid', problem: `${operation.id} needs a body` }
  const check = operation.body?.()
  if (check !== undefined && !nothing && !check(body)) return { kind: 'invalid', problem: `body of ${operation.id}: ${told(check)}` }
  const names = new Set(operation.names)
  const split = (inPath: boolean) => Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name) === inPath))
  // Checked above: parameters of a path are texts and numbers, a body is an object.
  return { kind: 'asked', asked: { operation, path: split(true) as Asked['path'], query: split(false), body: (nothing ? {} : body) as Asked['body'] } }
}

/** Compiling a whole description takes seconds; a test uses a part of it. */
function lazily<T>(make: () => T): () => T {
  let made: { value: T } | null = null
  return () => (made ??= { value: make() }).value
}

function told({ errors }: ValidateFunction): string {
  return (errors ?? []).slice(0, 5).map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`).join('; ')
}
