/** Answers the server's calls: parsed by the protocol's schemas, each request id running at most once at a time. */
import { BerthError } from '@berth/wire'
import { daemonMethods, LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import type { DaemonMethod } from '@berth/wire/daemon'
import type { CallHandlers } from '../contracts.ts'

/** The server asks for a few things at a time; more is a fault of its own. */
const CALLS_AT_ONCE = 64

export interface Calls {
  answer(call: { rid: number; method: string; params: unknown }): void
}

export function createCalls(deps: { handlers: CallHandlers; send(text: string): void; signal: AbortSignal; log: (line: string) => void }): Calls {
  const running = new Set<number>()

  async function run(call: { method: string; params: unknown }): Promise<unknown> {
    if (!isMethod(call.method)) throw new BerthError('unsupported', `this daemon does not know ${call.method.slice(0, 100)}`, { hint: 'stop and start the workspace to get a newer one' })
    const params = daemonMethods[call.method].params.safeParse(call.params)
    if (!params.success) throw new BerthError('bad_request', `${call.method}: ${params.error.issues[0]?.message ?? 'parameters cannot be understood'}`)
    // Each handler takes what its own schema gave; the union of them cannot be told apart by the compiler.
    const handle = deps.handlers[call.method] as (params: unknown, signal: AbortSignal) => Promise<unknown>
    return await handle(params.data, deps.signal)
  }

  function reply(rid: number, answer: { ok: true; value: unknown } | { ok: false; error: { code: string; message: string; hint?: string } }): void {
    const text = JSON.stringify({ type: 'result', rid, ...answer })
    if (Buffer.byteLength(text) <= LINK_MESSAGE_LIMIT) return deps.send(text)
    deps.send(JSON.stringify({ type: 'result', rid, ok: false, error: { code: 'too_large', message: 'the answer is too large for one message', hint: 'ask for less' } }))
  }

  function refusal(method: string, error: unknown): { code: string; message: string; hint?: string } {
    if (error instanceof BerthError) return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
    deps.log(`${method}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return { code: 'internal', message: `${method} went wrong in the daemon` }
  }

  return {
    answer(call) {
      // The server lost patience and asks again: the one that runs will answer.
      if (running.has(call.rid)) return
      if (running.size >= CALLS_AT_ONCE) return reply(call.rid, { ok: false, error: { code: 'too_many', message: 'too many calls at once' } })
      running.add(call.rid)
      run(call)
        .then((value) => { reply(call.rid, { ok: true, value }) }, (error: unknown) => { reply(call.rid, { ok: false, error: refusal(call.method, error) }) })
        .finally(() => { running.delete(call.rid) })
        .catch((error: unknown) => { deps.log(`cannot answer a call: ${String(error)}`) })
    },
  }
}

function isMethod(name: string): name is DaemonMethod {
  return Object.hasOwn(daemonMethods, name)
}
