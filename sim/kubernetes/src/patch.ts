/** Patches: RFC 7396, RFC 6902, and of the strategic kind what has no lists in it. */
import { Refusal } from './model.ts'

type Node = Record<string, unknown>
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value)

export function patched(type: string, thing: unknown, patch: unknown): unknown {
  if (type.startsWith('application/merge-patch+json')) return merged(thing, patch)
  if (type.startsWith('application/json-patch+json')) return operated(thing, patch)
  if (type.startsWith('application/strategic-merge-patch+json')) {
    // How lists merge is not in the description that this simulator reads.
    if (hasList(patch)) throw new Refusal(415, 'UnsupportedMediaType', 'the simulator takes no lists in a strategic merge patch')
    return merged(thing, patch)
  }
  throw new Refusal(415, 'UnsupportedMediaType', `the body of the request was in an unknown format: ${type}`)
}

function merged(into: unknown, patch: unknown): unknown {
  if (!isNode(patch)) return patch
  const out: Node = isNode(into) ? { ...into } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key]
    else out[key] = merged(out[key], value)
  }
  return out
}

const hasList = (node: unknown): boolean => Array.isArray(node) || (isNode(node) && Object.values(node).some(hasList))

function operated(thing: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new Refusal(400, 'BadRequest', 'a JSON patch is a list')
  const out = structuredClone(thing)
  for (const { op, path, value } of patch as { op: string; path: string; value?: unknown }[]) {
    const keys = path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() ?? ''
    const at = keys.reduce<unknown>((node, key) => (node as Node | undefined)?.[key], out)
    if (!isNode(at) && !Array.isArray(at)) throw new Refusal(422, 'Invalid', `the server rejected our request due to an error in our request: ${path} is not there`)
    operate(at as Node, { op, last, value })
  }
  return out
}

function operate(at: Node, { op, last, value }: { op: string; last: string; value: unknown }): void {
  if (op === 'test' && JSON.stringify(at[last]) !== JSON.stringify(value)) throw new Refusal(422, 'Invalid', 'the server rejected our request due to an error in our request: the test failed')
  if (op === 'remove') delete at[last]
  else if (op === 'add' && Array.isArray(at) && last === '-') at.push(value)
  else if (op === 'add' || op === 'replace') at[last] = value
  else if (op !== 'test') throw new Refusal(415, 'UnsupportedMediaType', `the simulator knows no ${op}`)
}
