/** Where Fly as its own client knows it differs from what it publishes. Each has its reason; what has none is a fault of ours. */
import type { Overlay } from '@berth/sim-spec'

const answer = { type: 'object', additionalProperties: false, properties: { ok: { type: 'boolean' }, id: { type: 'string' }, created_at: { type: 'integer' }, previous_state: { type: 'string' } } }
const WORDS = 'the published answer has no form, and the vendor\'s own client reads these'
export const OVERLAYS: readonly Overlay[] = [
  { operation: 'Apps_create', reason: WORDS, answers: { 201: answer } },
  ...['Machines_delete', 'Machines_start', 'Machines_stop'].map((operation): Overlay => ({ operation, reason: WORDS, answers: { 200: answer } })),
]
