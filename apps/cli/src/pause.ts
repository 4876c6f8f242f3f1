import { onAbort } from './on-abort.ts'

/** For so long, or until the signal says stop, which is no error here. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const listenNoMore = onAbort(signal, resolve)
  return promise.finally(() => {
    clearTimeout(timer)
    listenNoMore()
  })
}
