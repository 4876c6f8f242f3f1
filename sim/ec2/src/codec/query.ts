/** A request of the ec2Query protocol as a value: what the description does not name, or names otherwise, is refused. */
import { Refusal } from '../model.ts'
import type { Member, Schema } from './schema.ts'

export type Value = string | number | boolean | readonly Value[] | { readonly [member: string]: Value }
type Tree = { text: string | null; readonly parts: Map<string, Tree> }

const DEPTH = 12

export function parseQuery(form: URLSearchParams, input: Schema): { readonly [member: string]: Value } {
  const root: Tree = { text: null, parts: new Map() }
  for (const [key, text] of form) if (key !== 'Action' && key !== 'Version') put(root, key, text)
  return read(root, input, '') as { readonly [member: string]: Value } // an input is a structure
}

function put(root: Tree, key: string, text: string): void {
  let at = root
  const parts = key.split('.')
  if (parts.length > DEPTH) throw unknown(key)
  for (const part of parts) {
    const next: Tree = at.parts.get(part) ?? { text: null, parts: new Map() }
    at.parts.set(part, next)
    at = next
  }
  if (at.text !== null) throw new Refusal('InvalidParameterValue', `the parameter ${key} is given twice`)
  at.text = text
}

const unknown = (path: string): Refusal => new Refusal('UnknownParameter', `The parameter ${path} is not recognized`)
const wrong = (path: string, text: string): Refusal => new Refusal('InvalidParameterValue', `Value (${text}) for parameter ${path} is invalid`)

function read(tree: Tree, schema: Schema, path: string): Value {
  switch (schema.kind) {
    case 'structure': return structure(tree, schema.members, path)
    case 'list': return list(tree, schema.item, path)
    case 'string': case 'number': case 'boolean': case 'timestamp': case 'blob': {
      if (tree.text === null || tree.parts.size > 0) throw unknown(`${path}.${tree.parts.keys().next().value ?? ''}`)
      return simple(tree.text, schema.kind, path)
    }
  }
}

function structure(tree: Tree, members: readonly Member[], path: string): Value {
  if (tree.text !== null) throw unknown(path)
  const value: { [member: string]: Value } = {}
  const known = new Map(members.map((member) => [member.asked, member]))
  for (const [key, part] of tree.parts) {
    const at = path === '' ? key : `${path}.${key}`
    const member = known.get(key)
    if (member === undefined) throw unknown(at)
    value[member.name] = read(part, member.schema(), at)
  }
  for (const { name, asked, required } of members) if (required && !(name in value)) throw new Refusal('MissingParameter', `The request must contain the parameter ${path === '' ? asked : `${path}.${asked}`}`)
  return value
}

function list(tree: Tree, item: Member, path: string): Value {
  if (tree.text !== null) throw unknown(path)
  const values: Value[] = []
  for (let n = 1; n <= tree.parts.size; n += 1) {
    const part = tree.parts.get(String(n))
    if (part === undefined) throw unknown(`${path}.${[...tree.parts.keys()].join(',')}`)
    values.push(read(part, item.schema(), `${path}.${n}`))
  }
  return values
}

function simple(text: string, kind: 'string' | 'number' | 'boolean' | 'timestamp' | 'blob', path: string): Value {
  if (kind === 'number') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw wrong(path, text)
    return Number(text)
  }
  if (kind === 'boolean') {
    if (text !== 'true' && text !== 'false') throw wrong(path, text)
    return text === 'true'
  }
  if (kind === 'timestamp' && Number.isNaN(Date.parse(text))) throw wrong(path, text)
  return text
}
