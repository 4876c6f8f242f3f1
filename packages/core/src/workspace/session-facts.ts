/** What the list says of a workspace's sessions, folded from its events one by one. */
import type { EventBody } from '@berth/wire'

export interface OpenCall { readonly toolCallId: string; readonly verb: string; readonly object: string; readonly since: number; /** Whose; absent: it was begun before that was kept. */ readonly sessionId?: string | undefined }
export interface UsageSum { readonly inputTokens: number; readonly outputTokens: number; readonly costMicros: number | null; readonly contextPercent: number | null; readonly model: string | null }
type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>

/** Agents run a handful of calls at once; a hostile one could begin any number. */
const OPEN_LIMIT = 16
const OBJECT_LIMIT = 200
const VERBS: Readonly<Record<string, string>> = {
  Bash: 'Run', Read: 'Read', Grep: 'Search', Glob: 'Find', Edit: 'Edit', MultiEdit: 'Edit', NotebookEdit: 'Edit', Write: 'Write',
  WebFetch: 'Fetch', WebSearch: 'Search', Task: 'Delegate', Agent: 'Delegate', TodoWrite: 'Plan', AskUserQuestion: 'Ask', ExitPlanMode: 'Plan',
}

/** The calls that run after this one was heard of; the newest is what the agent does now. */
export function callsAfter(open: readonly OpenCall[], { sessionId, toolCallId, status, name, title }: Body<'tool'>, at: number): OpenCall[] {
  const others = open.filter((call) => call.toolCallId !== toolCallId)
  if (status !== 'running' && status !== 'pending') return others
  const known = open.find((call) => call.toolCallId === toolCallId)
  // An upsert may leave out what the first one said.
  const call = { toolCallId, verb: name === '' ? (known?.verb ?? 'Work') : verbOf(name), object: title === '' ? (known?.object ?? '') : objectOf(name, title), since: known?.since ?? at, sessionId }
  return [...others, call].slice(-OPEN_LIMIT)
}

/** The turn of that session is over, and its calls with it. */
export function callsWithout(open: readonly OpenCall[], sessionId: string): OpenCall[] {
  return open.filter((call) => call.sessionId !== undefined && call.sessionId !== sessionId)
}

function verbOf(name: string): string {
  return Object.hasOwn(VERBS, name) ? (VERBS[name] ?? name) : name.slice(0, OBJECT_LIMIT)
}

/** Titles come as `Tool: object`; the verb stands apart. */
function objectOf(name: string, title: string): string {
  const object = title.startsWith(`${name}: `) ? title.slice(name.length + 2) : title === name ? '' : title
  return object.slice(0, OBJECT_LIMIT)
}

/** A sum of which one part is not known is not known. */
export function usageAfter(sum: UsageSum | null, { inputTokens, outputTokens, costMicros, contextPercent, model }: Body<'usage'>): UsageSum {
  const before = sum ?? NO_USAGE
  return {
    inputTokens: before.inputTokens + Math.max(0, inputTokens),
    outputTokens: before.outputTokens + Math.max(0, outputTokens),
    costMicros: costMicros === null || before.costMicros === null ? null : before.costMicros + Math.max(0, costMicros),
    contextPercent: contextPercent ?? before.contextPercent,
    model: model ?? before.model,
  }
}
const NO_USAGE: UsageSum = { inputTokens: 0, outputTokens: 0, costMicros: 0, contextPercent: null, model: null }
