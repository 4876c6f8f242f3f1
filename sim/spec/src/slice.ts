/** Cuts operations out of a vendor's published description, with all they refer to, and leaves out what does not decide about validity. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Node = { [key: string]: Json }
export interface Cut {
  /** By operation id, of `x-webhooks`. */
  readonly webhooks?: readonly string[]
  /** Schemas that any operation may answer with and none names. */
  readonly also?: readonly string[]
}
/** Words for people. As names of properties they stay. */
const WORDS = new Set(['description', 'example', 'examples', 'summary', 'externalDocs', 'tags', 'x-github', 'x-githubEnterpriseOverlays', 'x-multi-segment', 'deprecated', 'title'])
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** The text of the cut description: one line for each path and component, so that a refresh is a diff that people can read. */
export function slice(whole: Node, operations: readonly string[], { webhooks: wanted = [], also = [] }: Cut = {}): string {
  const paths = pathsOf(whole, operations)
  const webhooks = webhooksOf(whole, wanted)
  const kept = referredTo(whole, [paths, webhooks, also.map((name) => ({ $ref: `#/components/schemas/${name}` }))])
  const sections = Object.entries(kept).map(([section, of]) => `${JSON.stringify(section)}:{\n${lines(of)}\n}`)
  const { version } = whole['info'] as { version: string }
  return `{"info":{"version":${JSON.stringify(version)}},\n"paths":{\n${lines(paths)}\n},${wanted.length === 0 ? '' : `\n"webhooks":{\n${lines(webhooks)}\n},`}\n"components":{\n${sections.join(',\n')}\n}}\n`
}

const lines = (of: Node): string => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',\n')

function pathsOf(whole: Node, operations: readonly string[]): Node {
  const paths: Node = {}
  const missing = new Set<string>(operations)
  for (const [path, methods] of Object.entries(whole['paths'] as Record<string, Node>)) {
    for (const method of METHODS) {
      const operation = methods[method] as Node | undefined
      if (operation === undefined || !missing.delete(operation['operationId'] as string)) continue
      paths[path] = { ...(paths[path] as Node | undefined), [method]: stripped(operation, false) }
    }
  }
  if (missing.size > 0) throw new Error(`not described: ${[...missing].join(', ')}`)
  return paths
}

function webhooksOf(whole: Node, wanted: readonly string[]): Node {
  const webhooks: Node = {}
  const missing = new Set<string>(wanted)
  for (const { post } of Object.values((whole['x-webhooks'] ?? {}) as Record<string, { post: Node }>)) {
    const id = post['operationId'] as string
    if (missing.delete(id)) webhooks[id] = stripped((post['requestBody'] as { content: Record<string, { schema: Json }> }).content['application/json']?.schema ?? null, false)
  }
  if (missing.size > 0) throw new Error(`not described: ${[...missing].join(', ')}`)
  return webhooks
}

/** By section: all that these refer to, and what that refers to. */
function referredTo(whole: Node, from: Json): Record<string, Node> {
  const kept: Record<string, Node> = {}
  const keepReferred = (node: Json): void => {
    if (Array.isArray(node)) return node.forEach(keepReferred)
    if (node === null || typeof node !== 'object') return
    for (const [key, value] of Object.entries(node)) {
      if (key !== '$ref' || typeof value !== 'string') keepReferred(value)
      else keepComponent(value)
    }
  }
  const keepComponent = (reference: string): void => {
    const [, , section = '', name = ''] = reference.split('/')
    const of = (kept[section] ??= {})
    if (section === 'examples' || of[name] !== undefined) return
    const component = stripped((whole['components'] as Record<string, Node>)[section]?.[name] ?? null, false)
    of[name] = component
    keepReferred(component)
  }
  keepReferred(from)
  return kept
}

function stripped(node: Json, names: boolean): Json {
  if (Array.isArray(node)) return node.map((item) => stripped(item, false))
  if (node === null || typeof node !== 'object') return node
  return Object.fromEntries(Object.entries(node).filter(([key]) => names || !WORDS.has(key)).map(([key, value]) => [key, key === 'enum' ? value : stripped(value, key === 'properties' && !names)]))
}
