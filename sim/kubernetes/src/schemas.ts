/**
 * What each resource may be, closed: built from the classes of the official client, which are generated from the API
 * server's published description (v1.34). Field names and types are in the classes, what is required in their type
 * declarations. A Sandbox is described here, by its published definition: its pods are those of the core.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as client from '@kubernetes/client-node'
import Ajv from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'

type Schema = Record<string, unknown>
interface Attribute { readonly name: string; readonly baseName: string; readonly type: string; readonly format: string }
interface Model { readonly attributeTypeMap: readonly Attribute[] }

const MODELS_DIR = join(dirname(fileURLToPath(import.meta.resolve('@kubernetes/client-node'))), 'gen/models')
const models = client as unknown as Readonly<Record<string, Partial<Model> | undefined>>

const text: Schema = { type: 'string' }
const SCALARS: Readonly<Record<string, Schema>> = { string: text, boolean: { type: 'boolean' }, any: {}, Date: text, V1MicroTime: text, IntOrString: { type: ['string', 'integer'] }, object: { type: 'object' } }

const texts: Schema = { type: 'object', additionalProperties: text }
const labelled = (more: Schema = {}): Schema => ({ type: 'object', additionalProperties: false, properties: { ...more, labels: texts, annotations: texts } })
/** https://github.com/kubernetes-sigs/agent-sandbox, v1beta1. */
const SANDBOX: Schema = {
  type: 'object', additionalProperties: false, required: ['spec'],
  properties: {
    apiVersion: text, kind: text, metadata: { $ref: '#/$defs/V1ObjectMeta' },
    spec: {
      type: 'object', additionalProperties: false, required: ['podTemplate'],
      properties: {
        podTemplate: { type: 'object', additionalProperties: false, required: ['spec'], properties: { metadata: labelled(), spec: { $ref: '#/$defs/V1PodSpec' } } },
        volumeClaimTemplates: { type: 'array', items: { type: 'object', additionalProperties: false, required: ['spec'], properties: { metadata: labelled({ name: text }), spec: { $ref: '#/$defs/V1PersistentVolumeClaimSpec' } } } },
        service: { type: 'boolean' }, operatingMode: { enum: ['Running', 'Suspended'] }, shutdownTime: text, shutdownPolicy: { enum: ['Delete', 'Retain'] },
      },
    },
    status: {
      type: 'object', additionalProperties: false,
      properties: { serviceFQDN: text, service: text, selector: text, nodeName: text, podIPs: { type: 'array', items: text }, conditions: { type: 'array', items: { $ref: '#/$defs/V1Condition' } } },
    },
  },
}

/** Answers what is wrong, for people; null: nothing. */
export type Judge = (model: string, value: unknown) => string | null

export function createJudge(): Judge {
  const checks = new Map<string, ValidateFunction>()
  return (model, value) => {
    const check = checks.get(model) ?? compile(model)
    checks.set(model, check)
    if (check(value)) return null
    return (check.errors ?? []).slice(0, 4).map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`).join('; ')
  }
}

function compile(model: string): ValidateFunction {
  const defs: Record<string, Schema> = {}
  const wanted = model === 'Sandbox' ? ['V1ObjectMeta', 'V1PodSpec', 'V1PersistentVolumeClaimSpec', 'V1Condition'] : [model]
  while (wanted.length > 0) {
    const name = wanted.pop() as string
    if (defs[name] === undefined) defs[name] = schemaOf(name, (other) => wanted.push(other))
  }
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false })
  return ajv.compile(model === 'Sandbox' ? { ...SANDBOX, $defs: defs } : { $ref: `#/$defs/${model}`, $defs: defs })
}

function schemaOf(name: string, refer: (name: string) => void): Schema {
  const attributes = models[name]?.attributeTypeMap
  if (attributes === undefined) throw new Error(`the official client has no ${name}`)
  return { type: 'object', additionalProperties: false, required: requiredOf(name), properties: Object.fromEntries(attributes.map((each) => [each.baseName, typeOf(each.type, each.format, refer)])) }
}

function typeOf(type: string, format: string, refer: (name: string) => void): Schema {
  if (type === 'number') return { type: format === 'double' ? 'number' : 'integer' }
  const scalar = SCALARS[type]
  if (scalar !== undefined) return scalar
  const list = /^(?:Array|Set)<(.+)>$/.exec(type)?.[1]
  if (list !== undefined) return { type: 'array', items: typeOf(list, format, refer) }
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1]
  if (map !== undefined) return { type: 'object', additionalProperties: typeOf(map, format, refer) }
  refer(type)
  return { $ref: `#/$defs/${type}` }
}

/** Lines such as `'name': string;`; what may be absent has a question mark. */
function requiredOf(name: string): string[] {
  const declared = readFileSync(join(MODELS_DIR, `${name}.d.ts`), 'utf8')
  return [...declared.matchAll(/^ {4}'(\w+)': /gm)].map(([, field = '']) => field)
}
