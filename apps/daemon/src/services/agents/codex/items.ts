/** An item of a Codex thread → a call, if it is one. */
import type { FileDiff } from '@berth/wire'
import type { ToolReport } from '../conversation/contracts.ts'
import { diffOf, diffOfPatch } from '../conversation/diff.ts'
import type { Change, Item } from './messages.ts'

const STATUS: Readonly<Record<string, NonNullable<ToolReport['status']>>> = { inProgress: 'running', completed: 'completed', failed: 'failed', declined: 'denied' }

/** Without the shell around it, where the program says what it runs. */
export function commandOf({ command, commandActions }: { command?: string | null | undefined; commandActions?: readonly { command: string }[] | null | undefined }): string {
  const [only, ...more] = commandActions ?? []
  return only !== undefined && more.length === 0 ? only.command : (command ?? '')
}
const diffOfChange = ({ path, kind, diff }: Change): FileDiff =>
  kind.type === 'add' ? diffOf(path, null, diff) : kind.type === 'delete' ? diffOf(path, diff, null) : diffOfPatch(path, diff)

type Known = (item: Item) => Pick<ToolReport, 'name' | 'input' | 'output' | 'diffs'>
const CALLS: Readonly<Record<string, Known>> = {
  commandExecution: (item) => ({ name: 'Bash', input: { command: commandOf(item) }, output: item.aggregatedOutput ?? null }),
  fileChange: ({ changes = [] }) => ({
    name: changes.every(({ kind }) => kind.type === 'add') ? 'Write' : 'Edit',
    // A person's decision is bound to all of it.
    input: { file_path: changes.map(({ path }) => path).join(', '), changes: changes.map(({ path, diff }) => `${path}\n${diff}`).join('\n') },
    diffs: changes.map(diffOfChange),
  }),
  mcpToolCall: (item) => ({ name: `${item.server ?? 'mcp'}.${item.tool ?? 'tool'}`, input: recordOf(item.arguments), output: mcpOutput(item) }),
  dynamicToolCall: (item) => ({ name: item.tool ?? 'tool', input: recordOf(item.arguments) }),
  webSearch: (item) => ({ name: 'WebSearch', input: { query: item.query ?? '' } }),
}
const mcpOutput = ({ result, error }: Item): string | null => error?.message ?? result?.content?.flatMap(({ text }) => (text === undefined ? [] : [text])).join('\n') ?? null
/** That a person said no to a call of a server's tool stands in no other place. */
const REFUSED = new Set(['user rejected MCP tool call', 'user cancelled MCP tool call'])
export const statusOf = ({ status, error }: Item): string | undefined => (status === 'failed' && REFUSED.has(error?.message ?? '') ? 'declined' : status)
const recordOf = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {})

export function callOf(item: Item, over: boolean): ToolReport | null {
  const known = Object.hasOwn(CALLS, item.type) ? CALLS[item.type]?.(item) : undefined
  if (known === undefined) return null
  return { toolCallId: item.id, ...known, status: STATUS[statusOf(item) ?? ''] ?? (over ? 'completed' : 'running') }
}
export const userText = (item: Item): string => (item.content ?? []).flatMap((part) => (typeof part !== 'string' && part.text !== undefined ? [part.text] : [])).join('\n')
export const thoughtText = (item: Item): string => [...(item.summary ?? []), ...(item.content ?? []).filter((part) => typeof part === 'string')].join('\n')
