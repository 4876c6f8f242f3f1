/** Cuts an event's body to EVENT_BODY_LIMIT: long strings keep head and tail, then lists keep their beginning. */
import { EVENT_BODY_LIMIT } from '@berth/wire'
import type { EventBody } from '@berth/wire'

const STRING_STEPS = [16_384, 8192, 4096, 2048, 1024, 512, 256, 128] as const
const LIST_STEPS = [1000, 200, 50, 10, 3] as const
/** Strings up to this length (ids, paths) are never cut. */
const SHORTEST = 128

export function cutBody(body: EventBody): string {
  const whole = JSON.stringify(body)
  if (fits(whole)) return whole
  for (const strings of STRING_STEPS) {
    const cut = JSON.stringify(cutValue(body, { strings, items: Infinity }))
    if (fits(cut)) return cut
  }
  for (const items of LIST_STEPS) {
    const cut = JSON.stringify(cutValue(body, { strings: SHORTEST, items }))
    if (fits(cut)) return cut
  }
  // Only something nested absurdly deep or wide comes here. A question is asked all the same: an agent waits for its answer.
  if (body.type === 'approval.asked') {
    const { ask } = body
    const bare = JSON.stringify(cutValue({ ...body, ask: { ...ask, input: { command: `… ${JSON.stringify(ask.input).length} characters left out …` } } }, { strings: SHORTEST, items: Infinity }))
    if (fits(bare)) return bare
  }
  const notice: EventBody = { type: 'workspace.notice', level: 'warning', code: 'event_too_large', message: `an event of type ${body.type.slice(0, 100)} was too large to keep (${whole.length} characters)`, hint: null }
  return JSON.stringify(notice)
}

function fits(json: string): boolean {
  return Buffer.byteLength(json) <= EVENT_BODY_LIMIT
}

function cutValue(value: unknown, limit: { strings: number; items: number }): unknown {
  if (typeof value === 'string') return cutText(value, limit.strings)
  if (Array.isArray(value)) return value.slice(0, limit.items).map((item) => cutValue(item, limit))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  // The fields of an event's own shape are few; only free-form records are longer than this.
  const kept = entries.length > Math.max(limit.items, 40) ? entries.slice(0, limit.items) : entries
  return Object.fromEntries(kept.map(([key, item]) => [key, cutValue(item, limit)]))
}

/** Head and tail, with how much is missing between them. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text
  const marker = `\n… ${text.length - limit} characters left out …\n`
  const keep = Math.max(2, limit - marker.length)
  const head = Math.ceil(keep / 2)
  return (text.slice(0, head) + marker + text.slice(text.length - (keep - head))).toWellFormed()
}
