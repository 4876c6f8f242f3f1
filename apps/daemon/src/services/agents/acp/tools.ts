/** A tool call of the Agent Client Protocol → ours. Its kinds become the names under which people know such calls. */
import type { ToolReport } from '../conversation/contracts.ts'
import { diffOf } from '../conversation/diff.ts'
import type { Option, ToolCall } from './messages.ts'

const NAMES: Readonly<Record<string, string>> = { execute: 'Bash', read: 'Read', search: 'Grep', fetch: 'WebFetch', delete: 'Delete', move: 'Move', think: 'Think' }
const STATUS: Readonly<Record<string, NonNullable<ToolReport['status']>>> = { pending: 'pending', in_progress: 'running', completed: 'completed', failed: 'failed' }

const ON_FILES = new Set(['edit', 'read', 'delete', 'move'])

/** What is known of a call so far: an update says only what changed. */
export interface Known { readonly name: string; readonly input: Record<string, unknown>; readonly kind: string | null }

export function knownAfter(before: Known | undefined, call: ToolCall): Known {
  const kind = call.kind ?? before?.kind ?? null
  const diff = diffs(call)[0]
  const path = kind !== null && ON_FILES.has(kind) ? (diff?.path ?? call.locations?.[0]?.path) : undefined
  // What would change is shown as a diff; as an input it would be there twice.
  const { diff: _diff, ...input }: Record<string, unknown> = { ...before?.input, ...call.rawInput, ...(path === undefined ? {} : { file_path: path }) }
  return { name: nameOf(kind, { before, call, isNew: diff !== undefined && (diff.oldText ?? '') === '' }), input, kind }
}
function nameOf(kind: string | null, { before, call, isNew }: { before: Known | undefined; call: ToolCall; isNew: boolean }): string {
  if (kind === 'edit') return isNew || before?.name === 'Write' ? 'Write' : 'Edit'
  return NAMES[kind ?? ''] ?? call.name ?? before?.name ?? 'tool'
}
/** Not every agent says what it calls; what it shows the person says it too. */
export function askedInput(call: ToolCall, known: Known): Record<string, unknown> {
  if (known.kind !== 'execute' || typeof known.input['command'] === 'string' || typeof call.title !== 'string') return known.input
  return { ...known.input, command: call.title }
}

export function reportOf(call: ToolCall, known: Known): ToolReport {
  const status = STATUS[call.status ?? '']
  const changed = diffs(call).map((diff) => diffOf(diff.path, diff.oldText, diff.newText))
  const output = outputOf(call)
  return {
    toolCallId: call.toolCallId, name: known.name, input: known.input,
    ...(status === undefined ? {} : { status }),
    ...(output === null ? {} : { output }),
    ...(changed.length === 0 ? {} : { diffs: changed }),
  }
}
function diffs(call: ToolCall): { path: string; oldText: string | null; newText: string | null }[] {
  return (call.content ?? []).flatMap((part) => (part.type === 'diff' && part.path !== undefined ? [{ path: part.path, oldText: part.oldText ?? null, newText: part.newText ?? null }] : []))
}
function outputOf(call: ToolCall): string | null {
  const texts = (call.content ?? []).flatMap((part) => (part.type === 'content' && part.content?.text !== undefined ? [part.content.text] : []))
  if (texts.length > 0) return texts.join('\n')
  const raw = call.rawOutput
  if (typeof raw === 'string') return raw
  if (typeof raw === 'object' && raw !== null && 'output' in raw && typeof raw.output === 'string') return raw.output
  return null
}

/** By kind, since every agent has ids of its own; null: it offers nothing of the sort. */
export function optionFor(options: readonly Option[], decision: { behavior: 'allow' | 'deny'; scope: 'once' | 'session' }): Option | null {
  const [verb, other] = decision.behavior === 'allow' ? ['allow', 'proceed'] : ['reject', 'deny']
  const always = options.find(({ kind }) => kind === `${verb}_always`)
  const once = options.find(({ kind, optionId }) => kind === `${verb}_once` && /once|^allow$|^reject|cancel/.test(optionId)) ?? options.find(({ kind }) => kind === `${verb}_once`)
  const byName = options.find(({ optionId }) => optionId.startsWith(verb ?? '') || optionId.startsWith(other ?? ''))
  return (decision.scope === 'session' ? (always ?? once) : (once ?? (decision.behavior === 'deny' ? always : undefined))) ?? byName ?? null
}
