/** Every request and every answer against GitHub's published description. What breaks it is an answer 422, or an error of the simulator. */
import Ajv from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import description from './api.json'
import { nameOf, normalise } from './normalise.ts'
import type { SchemaNode } from './normalise.ts'
import type { OperationId, WebhookName } from './operations.ts'
import { OVERLAYS } from './overlay.ts'

interface Parameter { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: SchemaNode }
interface Body { readonly required?: boolean; readonly content: Record<string, { schema: SchemaNode }> }
interface Described { readonly operationId: OperationId; readonly parameters?: (Parameter | { $ref: string })[]; readonly requestBody?: Body; readonly responses: Record<string, { content?: Record<string, { schema: SchemaNode }> } | { $ref: string }> }

export interface Operation {
  readonly id: OperationId
  readonly method: string
  readonly pattern: RegExp
  readonly names: readonly string[]
  parameters(): ValidateFunction
  readonly body: (() => ValidateFunction) | null
  readonly bodyRequired: boolean
  /** By status; null: an answer without a body. */
  readonly answers: ReadonlyMap<number, (() => ValidateFunction) | null>
}
export interface Asked { readonly operation: Operation; readonly path: Record<string, string | number>; readonly query: Record<string, unknown>; readonly body: Record<string, unknown> }
export type Matched = { readonly kind: 'unknown' } | { readonly kind: 'invalid'; readonly problem: string } | { readonly kind: 'asked'; readonly asked: Asked }

// The description is data of a known form; TypeScript sees only its literal types.
const { paths, webhooks, components } = description as unknown as { paths: Record<string, Record<string, Described>>; webhooks: Record<WebhookName, SchemaNode>; components: { schemas: Record<string, SchemaNode>; parameters: Record<string, Parameter>; responses: Record<string, { content?: Record<string, { schema: SchemaNode }> }> } }
export const SCHEMAS = components.schemas
export const DESCRIPTION_VERSION = description.info.version

export function createGuard() {
  const options = { strict: false, allErrors: true, logger: false as const, allowUnionTypes: true }
  const ajv = new Ajv(options)
  const coercing = new Ajv({ ...options, coerceTypes: true, useDefaults: true })
  for (const each of [ajv, coercing]) {
    addFormats(each)
    each.addSchema({ $id: 'github', schemas: Object.fromEntries(Object.entries(components.schemas).map(([name, schema]) => [name, normalise(schema, components.schemas)])) })
  }
  const anyRefusal = lazily(() => ajv.compile(normalise({ $ref: 'basic-error' }, components.schemas) as SchemaNode))
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => operationOf({ path, method, described }, ajv, coercing)))
  // The more literal path first: `/user/installations` is no `/user/{id}`.
  operations.sort((a, b) => a.names.length - b.names.length)
  const payloads = new Map(Object.entries(webhooks).map(([name, schema]) => [name, lazily(() => ajv.compile(normalise(schema, components.schemas) as SchemaNode))]))
  return {
    operations,
    /** Null: as a webhook of that name is described. */
    problemOfPayload(name: WebhookName, payload: unknown): string | null {
      const check = payloads.get(name)?.()
      if (check === undefined) return `no webhook is called ${name}`
      return check(payload) ? null : `webhook ${name}: ${told(check)}`
    },
    match(method: string, url: URL, pathname: string, body: unknown): Matched {
      for (const operation of operations) {
        const found = operation.method === method ? operation.pattern.exec(pathname) : null
        if (found !== null) return judged(operation, { found, url, body })
      }
      return { kind: 'unknown' }
    },
    /** Null: as described. */
    problemOf(operation: Operation, status: number, body: unknown): string | null {
      const answer = operation.answers.get(status)
      // Refusals that any operation may meet (401, 403, 404, 429, 5xx) are described for few of them.
      const check = answer === undefined ? (status >= 400 ? anyRefusal() : null) : answer === null ? null : answer()
      if (answer === undefined && check === null) return `${operation.id} never answers ${status}`
      if (check === null) return body === null ? null : `${operation.id} answers ${status} without a body`
      return check(body) ? null : `${operation.id} ${status}: ${told(check)}`
    },
  }
}
export type Guard = ReturnType<typeof createGuard>

function operationOf({ path, method, described }: { path: string; method: string; described: Described }, ajv: Ajv, coercing: Ajv): Operation {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name)
  const parameters = (described.parameters ?? []).map((given) => ('$ref' in given ? (components.parameters[nameOf(given.$ref)] as Parameter) : given))
  const overlay = OVERLAYS.find(({ operation }) => operation === described.operationId)
  const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema] as const))
  const json = described.requestBody?.content['application/json']?.schema
  const schema = (of: SchemaNode): SchemaNode => normalise(of, components.schemas) as SchemaNode
  const answers = new Map<number, (() => ValidateFunction) | null>()
  for (const [status, given] of Object.entries(described.responses)) {
    const response = '$ref' in given ? components.responses[nameOf(given.$ref)] : given
    const of = overlay?.answers[Number(status)] ?? response?.content?.['application/json']?.schema
    answers.set(Number(status), of === undefined ? null : lazily(() => ajv.compile(schema(of))))
  }
  return {
    id: described.operationId, method: method.toUpperCase(), names, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '([^/]+)')}$`),
    parameters: lazily(() => coercing.compile({ type: 'object', additionalProperties: false, properties: normalise(properties, components.schemas) as object, required: parameters.filter(({ required }) => required === true).map(({ name }) => name) })),
    body: json === undefined ? null : lazily(() => ajv.compile(schema(json))), bodyRequired: described.requestBody?.required ?? false, answers,
  }
}

function judged(operation: Operation, { found, url, body }: { found: RegExpExecArray; url: URL; body: unknown }): Matched {
  const path = Object.fromEntries(operation.names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]))
  const given: Record<string, unknown> = { ...Object.fromEntries(url.searchParams), ...path }
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

/** Compiling the whole description takes seconds; a test uses a part of it. */
function lazily<T>(make: () => T): () => T {
  let made: { value: T } | null = null
  return () => (made ??= { value: make() }).value
}

function told({ errors }: ValidateFunction): string {
  return (errors ?? []).slice(0, 5).map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`).join('; ')
}
