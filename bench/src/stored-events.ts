/** Events put into the store of a running server by the store's own code: the server hears of them as of any others. */
import { findEmbedded, loadMasterKey, openStore } from '@berth/store'
import type { EventBody, SessionId, WorkspaceId } from '@berth/wire'
import type { Product } from './product.ts'

export interface StoredEvents {
  append(id: WorkspaceId, bodies: readonly EventBody[]): Promise<void>
  close(): Promise<void>
}

/** As many as the store takes at once. */
const AT_ONCE = 1000

export async function openStoredEvents({ home }: Product): Promise<StoredEvents> {
  const { address } = await findEmbedded(home)
  const masterKey = await loadMasterKey(home, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)))
  const store = await openStore({ database: address, masterKey, connections: 2 })
  return {
    async append(id, bodies) {
      for (let at = 0; at < bodies.length; at += AT_ONCE) await store.events.append(id, bodies.slice(at, at + AT_ONCE).map((body) => ({ body })), Date.now())
    },
    close: () => store.close(),
  }
}

const sessionId = 'ses_000000000000' as SessionId
/** What an agent's work is made of, five events a step: a turn of ten steps, over and over. */
export function work(count: number, from = 0): EventBody[] {
  return Array.from({ length: count }, (_, at) => event(from + at))
}

function event(at: number): EventBody {
  const step = Math.floor(at / 5)
  const call = { sessionId, toolCallId: `toolu_${step.toString(16).padStart(24, '0')}`, diffs: [], durationMs: null }
  switch (at % 5) {
    case 0: return { type: 'message', sessionId, messageId: crypto.randomUUID(), role: step % 10 === 0 ? 'user' : 'agent', text: `Step ${step}: \`module-${step}\` is read before it is changed, because **its callers** are many and what they expect of it is not written down anywhere.` }
    case 1: return { type: 'tool', ...call, name: 'Bash', title: `Bash: wc -l module-${step}`, status: 'running', input: { command: `wc -l src/module-${step}.ts; git log --oneline -3 -- src/module-${step}.ts` }, output: null }
    case 2: return { type: 'tool', ...call, name: 'Bash', title: `Bash: wc -l module-${step}`, status: 'completed', input: null, output: `${step * 37} src/module-${step}.ts\n${'a1b2c3d what was done to it before\n'.repeat(3)}` }
    case 3: return { type: 'tool', ...call, toolCallId: `edit_${call.toolCallId}`, name: 'Edit', title: `Edit: src/module-${step}.ts`, status: 'completed', input: { file_path: `src/module-${step}.ts` }, output: null, diffs: [{ path: `src/module-${step}.ts`, added: 2, removed: 1, patch: `@@ -1,2 +1,3 @@\n-const step = ${step - 1}\n+const step = ${step}\n+export { step }\n` }] }
    default: return step % 10 === 9
      ? { type: 'turn.ended', sessionId, turnId: `turn-${step}`, outcome: 'done', message: null, background: 0, durationMs: 12_000 }
      : { type: 'usage', sessionId, inputTokens: 1200, outputTokens: 80, model: 'a-model', costMicros: 900, contextPercent: 12 }
  }
}

export const said = (text: string): EventBody => ({ type: 'message', sessionId, messageId: crypto.randomUUID(), role: 'agent', text })
