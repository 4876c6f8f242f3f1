/** Calls to one daemon that wait for their answers. */
import { BerthError, ErrorCode } from '@berth/wire'
import { daemonMethods, LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import type { DaemonMethod, DaemonParams, DaemonResult, FromDaemon } from '@berth/wire/daemon'

const WAITING_LIMIT = 64

export interface PendingCalls {
  call<M extends DaemonMethod>(method: M, params: DaemonParams<M>, options: { withinMs: number; signal?: AbortSignal }): Promise<DaemonResult<M>>
  onResult(result: FromDaemon & { type: 'result' }): void
  /** The link is over: whoever waits learns it now. */
  fail(reason: string): void
}

export function createPendingCalls(send: (text: string) => void): PendingCalls {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastRid = 0

  /** The daemon's raw answer. */
  async function ask(method: string, params: unknown, options: { withinMs: number; signal?: AbortSignal }): Promise<unknown> {
    options.signal?.throwIfAborted()
    if (waiting.size >= WAITING_LIMIT) throw new BerthError('too_many', `${waiting.size} calls wait for this workspace's daemon`, { hint: 'try again in a moment' })
    const rid = (lastRid += 1)
    const text = JSON.stringify({ type: 'call', rid, method, params })
    if (Buffer.byteLength(text) > LINK_MESSAGE_LIMIT) throw new BerthError('too_large', `what ${method} was given is too large for one message`)
    const answer = Promise.withResolvers<unknown>()
    waiting.set(rid, answer)
    const timer = setTimeout(() => { answer.reject(new BerthError('timeout', `the daemon did not answer ${method} within ${options.withinMs} ms`)) }, options.withinMs)
    const onAbort = (): void => { answer.reject(new BerthError('cancelled', `${method} was given up`)) }
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      send(text)
      return await answer.promise
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      waiting.delete(rid)
    }
  }

  return {
    async call<M extends DaemonMethod>(method: M, params: DaemonParams<M>, options: { withinMs: number; signal?: AbortSignal }) {
      const parsed = daemonMethods[method].result.safeParse(await ask(method, params, options))
      if (!parsed.success) throw new BerthError('internal', `the daemon's answer to ${method} cannot be understood`, { cause: parsed.error })
      // The schema of this very method just accepted it; the compiler loses M in the lookup.
      return parsed.data as DaemonResult<M>
    },
    onResult(result) {
      const asker = waiting.get(result.rid)
      if (asker === undefined) return
      if (result.ok) return asker.resolve(result.value)
      const { code, message, hint } = result.error
      asker.reject(new BerthError(ErrorCode.catch('internal').parse(code), message, hint === undefined ? {} : { hint }))
    },
    fail(reason) {
      for (const asker of waiting.values()) asker.reject(new BerthError('daemon_unreachable', `the link closed before the answer: ${reason}`, { hint: 'try again; a call may be repeated' }))
    },
  }
}
