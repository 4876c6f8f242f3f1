/**
 * A workspace's last events as the page gets them with itself: the same drawing from fewer and shorter ones. Random
 * names do not pack, and what a later event says again need not be said before.
 */
import type { EventBody, StoredEvent } from '@berth/wire'

/** The newest keep their names: a message that is still written, or a call that runs, is told of again under its own. */
const NAMED = 12

/** In order of seq; the last of what was joined stands for all of it. */
export function condensed(events: readonly StoredEvent[]): StoredEvent[] {
  return renamed(joined(events))
}

function joined(events: readonly StoredEvent[]): StoredEvent[] {
  const out: StoredEvent[] = []
  let spent: StoredEvent | null = null
  for (const event of events) {
    // What is older is read up to the first one's seq, so that one stays as it is.
    const last = out.length > 1 ? out.at(-1) : undefined
    const call = last && sumOfCall(last.body as EventBody, event.body as EventBody)
    if (call) out[out.length - 1] = { ...event, body: call }
    else if (event.body.type === 'usage' && out.length > 0 && (spent === null || spent.body['sessionId'] === event.body['sessionId'])) {
      const sum: StoredEvent = spent === null ? event : { ...event, body: sumOfUsage(spent.body as Usage, event.body as Usage) }
      if (spent !== null) out.splice(out.indexOf(spent), 1)
      out.push(sum)
      spent = sum
    } else {
      out.push(event)
      // A turn's end counts what was spent in it.
      if (event.body.type === 'turn.ended') spent = null
    }
  }
  return out
}

type Usage = EventBody & { type: 'usage' }
function sumOfUsage(before: Usage, after: Usage): Usage {
  const costMicros = before.costMicros === null && after.costMicros === null ? null : (before.costMicros ?? 0) + (after.costMicros ?? 0)
  return { ...after, inputTokens: before.inputTokens + after.inputTokens, outputTokens: before.outputTokens + after.outputTokens, costMicros }
}

/** Null: not the same call. */
function sumOfCall(before: EventBody, after: EventBody): EventBody | null {
  if (before.type !== 'tool' || after.type !== 'tool' || before.toolCallId !== after.toolCallId) return null
  return {
    ...after, name: after.name || before.name, title: after.title || before.title, input: after.input ?? before.input, output: after.output ?? before.output,
    diffs: after.diffs.length > 0 ? after.diffs : before.diffs, durationMs: after.durationMs ?? before.durationMs,
  }
}

function renamed(events: readonly StoredEvent[]): StoredEvent[] {
  const begun = new Set<string>()
  const kept = new Set<string>()
  for (const [index, { body }] of events.entries()) {
    for (const name of namesOf(body as EventBody)) {
      if (index >= events.length - NAMED || isUnfinished(body as EventBody, begun.has(name))) kept.add(name)
      begun.add(name)
    }
  }
  const names = new Map<string, string>()
  const short = (name: string): string => {
    if (kept.has(name)) return name
    const known = names.get(name) ?? `~${names.size}`
    names.set(name, known)
    return known
  }
  return events.map((event) => {
    const body = event.body as EventBody
    if (body.type === 'message') return { ...event, body: { ...body, messageId: short(body.messageId) } }
    if (body.type === 'tool') return { ...event, body: { ...body, toolCallId: short(body.toolCallId) } }
    if (body.type === 'approval.asked' && body.ask.toolCallId !== null) return { ...event, body: { ...body, ask: { ...body.ask, toolCallId: short(body.ask.toolCallId) } } }
    return event
  })
}

/** More is said of it after these events, or was before them. */
function isUnfinished(body: EventBody, begun: boolean): boolean {
  if (body.type !== 'tool') return false
  return body.status === 'running' || body.status === 'pending' || (!begun && body.input === null)
}

function namesOf(body: EventBody): string[] {
  if (body.type === 'message') return [body.messageId]
  if (body.type === 'tool') return [body.toolCallId]
  return body.type === 'approval.asked' && body.ask.toolCallId !== null ? [body.ask.toolCallId] : []
}
