/**
 * One line of Claude Code's transcript → what it means. The format is not ours and grows: unknown lines and fields are
 * passed over. Each meaning has a key, so that reading a line twice journals it once.
 */
import type { EventBody, SessionId } from '@berth/wire'
import { contextPercentOf, costMicrosOf } from '@berth/wire/model-prices'
import { z } from 'zod'
import { cut, cutInput, titleOf } from '../event-text.ts'
import { parseJson } from '../json-lines.ts'

const OUTPUT_LIMIT = 8 * 1024
const PATCH_LIMIT = 12 * 1024
const TEXT_LIMIT = 24 * 1024

const Block = z.looseObject({
  type: z.string(), text: z.string().optional(), thinking: z.string().optional(),
  id: z.string().optional(), name: z.string().optional(), input: z.record(z.string(), z.unknown()).optional(),
  tool_use_id: z.string().optional(), is_error: z.boolean().optional(), content: z.unknown().optional(),
})
type Block = z.infer<typeof Block>
const Line = z.looseObject({
  type: z.enum(['user', 'assistant']),
  uuid: z.string(),
  isMeta: z.boolean().optional(),
  isSidechain: z.boolean().optional(),
  isApiErrorMessage: z.boolean().optional(),
  /** Written by the program for itself when it frees context; nobody said it. */
  isCompactSummary: z.boolean().optional(),
  timestamp: z.string().optional(),
  toolUseResult: z.unknown().optional(),
  toolDenialKind: z.string().optional(),
  message: z.looseObject({
    id: z.string().optional(), model: z.string().optional(), content: z.union([z.string(), z.array(z.unknown())]),
    usage: z.looseObject({
      input_tokens: z.number().optional(), output_tokens: z.number().optional(), cache_read_input_tokens: z.number().optional(), cache_creation_input_tokens: z.number().optional(),
      cache_creation: z.looseObject({ ephemeral_1h_input_tokens: z.number().optional() }).nullable().optional().catch(undefined),
    }).optional(),
  }),
})
type Line = z.infer<typeof Line>

export type Fact =
  | { readonly kind: 'event'; readonly key: string; readonly body: EventBody; /** When it was written down, by the machine's clock. */ readonly at?: number | null }
  /** A person's words reached the model. */
  | { readonly kind: 'prompt'; readonly uuid: string; readonly text: string; readonly at: number | null }
  /** A slash command was taken by the program; whether the model hears of it shows when the model answers. */
  | { readonly kind: 'command'; readonly uuid: string; readonly text: string; readonly at: number | null }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'agent-text'; readonly text: string }
  | { readonly kind: 'tool-ended'; readonly toolUseId: string; readonly outcome: 'completed' | 'failed' | 'denied' }
  | { readonly kind: 'api-error'; readonly text: string }

export function factsOf(text: string, sessionId: SessionId): Fact[] {
  const json = parseJson(text)
  const parsed = Line.safeParse(json)
  if (!parsed.success) return systemFacts(json, sessionId)
  const line = parsed.data
  if (line.isSidechain === true || line.isMeta === true || line.isCompactSummary === true || line.message.model === '<synthetic>' && line.isApiErrorMessage !== true) return []
  const blocks: Block[] = typeof line.message.content === 'string' ? [{ type: 'text', text: line.message.content }] : line.message.content.flatMap((block) => {
    const result = Block.safeParse(block)
    return result.success ? [result.data] : []
  })
  const facts = blocks.flatMap((block, index) => (line.type === 'user' ? userFacts : agentFacts)(line, block, { sessionId, key: `${line.uuid}.${index}` }))
  return line.type === 'assistant' && line.isApiErrorMessage !== true ? [...facts, ...usageFacts(line, sessionId)] : facts
}

interface Place { readonly sessionId: SessionId; readonly key: string }

function userFacts(line: Line, block: Block, { sessionId, key }: Place): Fact[] {
  if (block.type === 'tool_result' && block.tool_use_id !== undefined) {
    const output = textOf(block.content)
    const outcome = block.is_error !== true ? 'completed' : isDenied(line, output) ? 'denied' : 'failed'
    const { name, diffs, durationMs } = resultOf(line.toolUseResult)
    const body: EventBody = { type: 'tool', sessionId, toolCallId: block.tool_use_id, name, title: '', status: outcome, input: null, output: cut(output, OUTPUT_LIMIT), diffs, durationMs }
    return [{ kind: 'event', key, body, at: timeOf(line.timestamp) }, { kind: 'tool-ended', toolUseId: block.tool_use_id, outcome }]
  }
  if (block.type !== 'text' || block.text === undefined) return []
  if (block.text.startsWith('[Request interrupted by user')) return [{ kind: 'interrupted' }]
  const at = timeOf(line.timestamp)
  const command = commandOf(block.text)
  if (command !== null) return commandFacts(command, { uuid: line.uuid, at, sessionId, key })
  if (COMMAND_OUTPUT.test(block.text)) return systemMessage(outputOf(block.text), { sessionId, key })
  // The agent's own additions are written as tagged user texts.
  if (/^\s*<(system-reminder|command-|local-command|task-notification|bash-|user-memory)/.test(block.text)) return []
  return [
    { kind: 'prompt', uuid: line.uuid, text: block.text, at },
    { kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role: 'user', text: cut(block.text, TEXT_LIMIT) } },
  ]
}

/** `<command-name>/model</command-name> … <command-args>opus</command-args>` → `/model opus`. */
function commandOf(text: string): string | null {
  if (!/^\s*<command-(?:name|message)>/.test(text)) return null
  const name = /<command-name>\s*(\/[^<\s]+)\s*<\/command-name>/.exec(text)?.[1]
  if (name === undefined) return null
  return [name, /<command-args>([^<]*)<\/command-args>/.exec(text)?.[1]?.trim() ?? ''].join(' ').trim()
}
function commandFacts(text: string, { uuid, at, sessionId, key }: Place & { uuid: string; at: number | null }): Fact[] {
  return [{ kind: 'command', uuid, text, at }, { kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role: 'user', text: cut(text, TEXT_LIMIT) } }]
}

const SystemLine = z.looseObject({ type: z.literal('system'), uuid: z.string(), subtype: z.enum(['local_command', 'compact_boundary']), content: z.string().catch(''), isSidechain: z.boolean().optional(), timestamp: z.string().optional() })
/** What the program did by itself: a command that no model heard of, and what it said. */
function systemFacts(json: unknown, sessionId: SessionId): Fact[] {
  const parsed = SystemLine.safeParse(json)
  if (!parsed.success || parsed.data.isSidechain === true) return []
  const { uuid, subtype, content, timestamp } = parsed.data
  const key = `${uuid}.0`
  if (subtype === 'compact_boundary') return systemMessage('The conversation so far was summed up, to free context.', { sessionId, key })
  const command = commandOf(content)
  return command === null ? systemMessage(outputOf(content), { sessionId, key }) : commandFacts(command, { uuid, at: timeOf(timestamp), sessionId, key })
}
const COMMAND_OUTPUT = /^\s*<local-command-std(?:out|err)>([\s\S]*?)<\/local-command-std(?:out|err)>/
const outputOf = (text: string): string => (COMMAND_OUTPUT.exec(text)?.[1] ?? '').replaceAll(COLOURS, '').trim()
const systemMessage = (text: string, { sessionId, key }: Place): Fact[] => (text === '' ? [] : [{ kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role: 'system', text: cut(text, TEXT_LIMIT) } }])
// oxlint-disable-next-line no-control-regex -- written for a terminal
const COLOURS = /\u001b\[[0-9;]*m/g

function timeOf(timestamp: string | undefined): number | null {
  const at = Date.parse(timestamp ?? '')
  return Number.isNaN(at) ? null : at
}

const isDenied = (line: Line, output: string): boolean => line.toolDenialKind !== undefined || /^The user doesn't want to|was rejected|^Permission .*denied|hook denied/i.test(output)

function agentFacts(line: Line, block: Block, { sessionId, key }: Place): Fact[] {
  if (block.type === 'text' && block.text !== undefined && block.text.trim() !== '') {
    const role = line.isApiErrorMessage === true ? 'system' : 'agent'
    const event: Fact = { kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role, text: cut(block.text, TEXT_LIMIT) } }
    return [event, { kind: role === 'agent' ? 'agent-text' : 'api-error', text: block.text }]
  }
  if (block.type === 'thinking' && block.thinking !== undefined && block.thinking.trim() !== '') {
    return [{ kind: 'event', key, body: { type: 'message', sessionId, messageId: key, role: 'thought', text: cut(block.thinking, TEXT_LIMIT) } }]
  }
  return block.type === 'tool_use' && block.id !== undefined && block.name !== undefined ? callFacts({ id: block.id, name: block.name, input: block.input ?? {} }, { sessionId, key }) : []
}

function callFacts({ id, name, input }: { id: string; name: string; input: Record<string, unknown> }, { sessionId, key }: Place): Fact[] {
  const tool: Fact = {
    kind: 'event', key,
    body: { type: 'tool', sessionId, toolCallId: id, name, title: titleOf(name, input), status: 'running', input: cutInput(input), output: null, diffs: [], durationMs: null },
  }
  const plan = name === 'TodoWrite' ? Plan.safeParse(input) : null
  if (plan?.success !== true) return [tool]
  return [tool, { kind: 'event', key: `${key}.plan`, body: { type: 'plan', sessionId, entries: plan.data.todos.map((todo) => ({ text: todo.content, status: todo.status })) } }]
}
const Plan = z.object({ todos: z.array(z.object({ content: z.string(), status: z.enum(['pending', 'in_progress', 'completed']) })) })

/** The lines of one model answer carry the same usage: it is counted once, by the id of the answer. */
function usageFacts(line: Line, sessionId: SessionId): Fact[] {
  const usage = line.message.usage
  if (usage === undefined || line.message.id === undefined) return []
  const written = usage.cache_creation_input_tokens ?? 0
  const cacheWriteHour = Math.min(written, usage.cache_creation?.ephemeral_1h_input_tokens ?? 0)
  const used = { input: usage.input_tokens ?? 0, output: usage.output_tokens ?? 0, cacheRead: usage.cache_read_input_tokens ?? 0, cacheWrite: written - cacheWriteHour, cacheWriteHour }
  const model = line.message.model ?? null
  const body: EventBody = { type: 'usage', sessionId, inputTokens: used.input + used.cacheRead + written, outputTokens: used.output, model, costMicros: costMicrosOf(model, used), contextPercent: contextPercentOf(model, used) }
  return [{ kind: 'event', key: `usage.${line.message.id}`, body }]
}

const Result = z.looseObject({
  filePath: z.string().optional(), content: z.string().optional(), originalFile: z.string().nullable().optional(), durationMs: z.number().optional(),
  structuredPatch: z.array(z.looseObject({ oldStart: z.number(), oldLines: z.number(), newStart: z.number(), newLines: z.number(), lines: z.array(z.string()) })).optional(),
})
/** A line's end ends a line; it does not begin another. */
const linesOf = (text: string): string[] => (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
type ToolEvent = Extract<EventBody, { type: 'tool' }>
function resultOf(value: unknown): Pick<ToolEvent, 'name' | 'diffs' | 'durationMs'> {
  const parsed = Result.safeParse(value)
  if (!parsed.success || parsed.data.filePath === undefined) return { name: '', diffs: [], durationMs: parsed.data?.durationMs ?? null }
  const { filePath, structuredPatch, content, originalFile } = parsed.data
  const lines = (structuredPatch ?? []).flatMap((hunk) => [`@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`, ...hunk.lines])
  const created = lines.length === 0 && originalFile === null && content !== undefined ? linesOf(content).map((line) => `+${line}`) : []
  const all = [...lines, ...created]
  if (all.length === 0) return { name: '', diffs: [], durationMs: null }
  const patch = all.join('\n')
  const diff = { path: filePath, added: all.filter((line) => line.startsWith('+')).length, removed: all.filter((line) => line.startsWith('-')).length, patch: patch.length > PATCH_LIMIT ? null : patch }
  return { name: '', diffs: [diff], durationMs: null }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return Array.isArray(content) ? content.flatMap((part) => (typeof part?.text === 'string' ? [String(part.text)] : [])).join('\n') : ''
}
