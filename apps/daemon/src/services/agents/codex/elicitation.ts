/** What comes from a server of the Model Context Protocol: whether its tool may be called, or a question of its own. */
import type { AskReport } from '../conversation/contracts.ts'
import { callOf } from './items.ts'
import { Elicitation, type Item } from './messages.ts'

const MESSAGE_LIMIT = 500

interface Known {
  readonly rpcId: string | number
  /** What the same request was taken for before. */
  readonly itemId: string | null
  readonly items: ReadonlyMap<string, Item>
  readonly isAsked: (itemId: string) => boolean
}
/** `form`: there are fields to fill, which its own screen has; that is what is said of it. */
export type Elicited = Pick<AskReport, 'requestId' | 'tool' | 'input' | 'toolCallId'> | { readonly form: string }

export function readElicitation(params: unknown, known: Known): Elicited | null {
  const parsed = Elicitation.safeParse(params)
  if (!parsed.success) return null
  const { serverName, message = '', requestedSchema, url } = parsed.data
  if (Object.keys(requestedSchema?.properties ?? {}).length > 0) return { form: `${serverName} asks at codex's own screen (\`berth attach\`): ${message.slice(0, MESSAGE_LIMIT)}` }
  const item = itemFor(serverName, known)
  const call = item === undefined ? null : callOf(item, false)
  if (item === undefined || call === null) return { requestId: `elicitation.${known.rpcId}`, tool: serverName, input: url === undefined ? { message } : { message, url }, toolCallId: null }
  return { requestId: item.id, tool: call.name ?? serverName, input: call.input ?? {}, toolCallId: item.id }
}

/** It names no item: the server's call that runs is meant. */
function itemFor(serverName: string, { itemId, items, isAsked }: Known): Item | undefined {
  if (itemId !== null) return items.get(itemId)
  return [...items.values()].findLast(({ id, type, server, status }) => type === 'mcpToolCall' && server === serverName && status === 'inProgress' && !isAsked(id))
}
