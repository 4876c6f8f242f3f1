/** Cuts operations out of a vendor's published description, with all they refer to, and leaves out what does not decide about validity. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Node = { [key: string]: Json }
/** Words for people. As names of properties they stay. */
const WORDS = new Set(['description', 'example', 'examples', 'summary', 'externalDocs', 'tags', 'x-github', 'x-githubEnterpriseOverlays', 'x-multi-segment', 'deprecated', 'title'])
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** The text of the cut description: one line for each path and component, so that a refresh is a diff that people can read. */
export function slice(whole: Node, operations: readonly string[]): string {
  const paths: Node = {}
  const kept: Record<string, Node> = {}
  const missing = new Set<string>(operations)
  for (const [path, methods] of Object.entries(whole['paths'] as Record<string, Node>)) {
    for (const method of METHODS) {
      const operation = methods[method] as Node | undefined
      if (operation === undefined || !missing.delete(operation['operationId'] as string)) continue
      paths[path] = { ...(paths[path] as Node | undefined), [method]: stripped(operation, false) }
    }
  }
  if (missing.size > 0) throw new Error(`not described: ${[...missing].join(', ')}`)

  function keepReferred(node: Json): void {
    if (Array.isArray(node)) return node.forEach(keepReferred)
    if (node === null || typeof node !== 'object') return
    for (const [key, value] of Object.entries(node)) {
      if (key !== '$ref' || typeof value !== 'string') keepReferred(value)
      else keepComponent(value)
    }
  }
  function keepComponent(reference: string): void {
    const [, , section = '', name = ''] = reference.split('/')
    const of = (kept[section] ??= {})
    if (section === 'examples' || of[name] !== undefined) return
    const component = stripped((whole['components'] as Record<string, Node>)[section]?.[name] ?? null, false)
    of[name] = component
    keepReferred(component)
  }
  keepReferred(paths)
  // An operation may refuse in this form without saying so.
  for (const name of Object.keys((whole['components'] as Record<string, Node>)['schemas'] ?? {})) if (name === 'error_response') keepComponent(`#/components/schemas/${name}`)
  const lines = (of: Node): string => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',\n')
  const sections = Object.entries(kept).map(([section, of]) => `${JSON.stringify(section)}:{\n${lines(of)}\n}`)
  const { version } = whole['info'] as { version: string }
  return `{"info":{"version":${JSON.stringify(version)}},\n"paths":{\n${lines(paths)}\n},\n"components":{\n${sections.join(',\n')}\n}}\n`
}

function stripped(node: Json, names: boolean): Json {
  if (Array.isArray(node)) return node.map((item) => stripped(item, false))
  if (node === null || typeof node !== 'object') return node
  return Object.fromEntries(Object.entries(node).filter(([key]) => names || !WORDS.has(key)).map(([key, value]) => [key, key === 'enum' ? value : stripped(value, key === 'properties' && !names)]))
}
