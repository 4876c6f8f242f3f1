/** A watch: what changed since a version, then what changes, as lines of JSON. */
import { nameIn } from './resources.ts'
import type { Answer } from './api.ts'
import type { Change } from './store.ts'
import type { World } from './world.ts'

type Watch = Extract<Answer, { watch: unknown }>['watch']

export function watched({ store }: World, { target, from, chooses, timeoutMs }: Watch, signal: AbortSignal): Response {
  const resource = nameIn(target.resource)
  const isMine = ({ resource: of, thing }: Change): boolean => of === resource && (target.namespace === undefined || thing.metadata.namespace === target.namespace) && (target.name === undefined || thing.metadata.name === target.name) && chooses(thing)
  let end = (): void => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const encoder = new TextEncoder()
      const send = (type: string, object: unknown): void => controller.enqueue(encoder.encode(`${JSON.stringify({ type, object })}\n`))
      const before = from === 0 ? null : store.since(from)
      if (from > 0 && before === null) {
        send('ERROR', { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'too old resource version', reason: 'Expired', code: 410 })
        return controller.close()
      }
      // This server sends its headers with the first bytes; a client waits for them before it does what it watches for.
      controller.enqueue(encoder.encode('\n'))
      // Without a version a watch begins with what is there.
      for (const thing of from === 0 ? store.list(target.resource, target.namespace).filter(chooses) : []) send('ADDED', thing)
      for (const change of before ?? []) if (isMine(change)) send(change.type, change.thing)
      const forget = store.listen((change) => { if (isMine(change)) send(change.type, change.thing) })
      const timer = setTimeout(() => end(), timeoutMs)
      end = () => {
        forget()
        clearTimeout(timer)
        end = () => {}
        try {
          controller.close()
        } catch {
          // The client has gone.
        }
      }
      signal.addEventListener('abort', () => end(), { once: true })
    },
    cancel() { end() },
  })
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}
