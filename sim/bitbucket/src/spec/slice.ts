/** `bun run slice <swagger.v3.json>`: the file `src/cloud/openapi/swagger.v3.json` of the repository coderabbitai/bitbucket, a copy of what Atlassian publishes. */
import { join } from 'node:path'
import { slice } from '@berth/sim-spec/slice'
import { OPERATIONS } from './operations.ts'

type Whole = Parameters<typeof slice>[0]
type Node = Record<string, unknown>

const source = process.argv[2]
if (source === undefined) throw new Error('which file? src/cloud/openapi/swagger.v3.json')
const whole = closed(await Bun.file(source).json()) as { paths: Record<string, Record<string, Node & { parameters?: unknown[] }> & { parameters?: unknown[] }>; components: { schemas: Record<string, Node> } }
for (const [id, { method, path }] of Object.entries(OPERATIONS)) {
  const operation = whole.paths[path]?.[method]
  if (operation === undefined) throw new Error(`not described: ${method} ${path}`)
  Object.assign(operation, { operationId: id, parameters: [...(whole.paths[path]?.parameters ?? []), ...(operation.parameters ?? [])] })
}
// Answers always have it; the vendor's own examples of requests leave it out.
delete whole.components.schemas['object']?.['required']
await Bun.write(join(import.meta.dir, 'api.json'), slice(whole as unknown as Whole, Object.keys(OPERATIONS), { also: ['error'] }))

/** The vendor leaves every form open. Here what is not described is refused. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (node === null || typeof node !== 'object') return node
  const { discriminator: _, ...rest } = node as Node
  if (rest['additionalProperties'] === true && Object.keys((rest['properties'] ?? {}) as Node).length > 0) delete rest['additionalProperties']
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, closed(value)]))
}
