/**
 * The agent's calls to its model: what the workspace sent goes on with the kept key in place of the placeholder, and the
 * vendor's bytes come back as they are. What they say was used is added up, and over the limit nothing goes on.
 */
import type { Clock, ModelKeyStore, ModelUsageStore, WorkspaceRow } from '@berth/core'
import { LINK_HTTP } from '@berth/wire/daemon'
import { MODEL_VENDORS, ModelVendor } from '@berth/wire/model-access'
import type { Log } from '../http/respond.ts'
import { remembered } from '../remembered.ts'
import { answerHeaders, isModelCall, refusal, requestHeaders } from './routes.ts'
import { createUsageReader } from './usage.ts'

export interface ModelGatewayDeps {
  readonly store: { readonly modelKeys: Pick<ModelKeyStore, 'key'>; readonly modelUsage: Pick<ModelUsageStore, 'add' | 'costMicros'> }
  readonly clock: Clock
  readonly log: Log
}
/** A key that was taken away is in use for so long. */
const REMEMBERED_MS = 2000
type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name'>
export type ModelGateway = (workspace: Asking, request: Request) => Promise<Response>

/** An answer whose usage cannot be written down is still the agent's. */
export function createModelGateway({ store, clock, log }: ModelGatewayDeps): ModelGateway {
  const keys = remembered<Awaited<ReturnType<ModelKeyStore['key']>>>({ clock, ms: REMEMBERED_MS, limit: 1000 })
  return async (workspace, request) => {
    const url = new URL(request.url)
    const [vendorName = '', ...rest] = url.pathname.slice(`${LINK_HTTP.model}/`.length).split('/')
    const vendor = ModelVendor.safeParse(vendorName)
    if (!vendor.success) return new Response('no such model vendor\n', { status: 404 })
    const path = `/${rest.join('/')}`
    if (!isModelCall(vendor.data, request.method, path)) return refusal(vendor.data, 404, `Berth passes on no ${request.method} ${path.slice(0, 100)}`)
    const kept = await keys.get(`${workspace.orgId} ${vendor.data}`, () => store.modelKeys.key(workspace.orgId, vendor.data))
    if (kept === null) return refusal(vendor.data, 403, `this server has no key for ${MODEL_VENDORS[vendor.data].title}: berth model-key add ${vendor.data}`)
    if (kept.limitMicros !== null && (await store.modelUsage.costMicros(workspace.id)) >= kept.limitMicros) {
      return refusal(vendor.data, 403, `this workspace has used what it may, $${(kept.limitMicros / 1e6).toFixed(2)}; a person can raise it with berth model-key add ${vendor.data} --limit`)
    }
    // A key in the address is Gemini's other way to say it.
    url.searchParams.delete('key')
    const answer = await fetch(`${kept.baseUrl}${path}${url.search}`, {
      method: request.method, headers: requestHeaders(vendor.data, request.headers, kept.key), body: request.body, redirect: 'manual', signal: request.signal, ...(request.body === null ? {} : { duplex: 'half' as const }),
    }).catch((cause: unknown) => { log(`${workspace.id}: ${MODEL_VENDORS[vendor.data].title}: ${cause instanceof Error ? cause.message : String(cause)}`); return null })
    if (answer === null) return refusal(vendor.data, 502, `${MODEL_VENDORS[vendor.data].title} cannot be reached from the server`)
    if (answer.status >= 300 && answer.status < 400) return refusal(vendor.data, 502, `${MODEL_VENDORS[vendor.data].title} led elsewhere, where the key does not go`)
    const reader = createUsageReader(vendor.data, answer.headers.get('content-type') ?? '', modelIn(path))
    const note = (): void => {
      const used = reader.end()
      if (used !== null) store.modelUsage.add({ ...used, workspaceId: workspace.id, vendor: vendor.data }, clock.now()).catch((error: unknown) => log(`${workspace.id}: usage was not written down: ${String(error)}`))
    }
    return new Response(answer.body === null ? null : watched(answer.body, (bytes) => reader.read(bytes), note), { status: answer.status, headers: answerHeaders(answer.headers) })
  }
}

/** Gemini names the model in the path, the others in what they answer. */
const modelIn = (path: string): string => /\/models\/([^/:]+)/.exec(path)?.[1] ?? 'unknown'

/** The same bytes, piece by piece; each is looked at after it went on. `ended` is called once, also when nobody reads on. */
function watched(body: ReadableStream<Uint8Array>, look: (bytes: Uint8Array) => void, ended: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await reader.read()
        if (next.done) {
          ended()
          return controller.close()
        }
        controller.enqueue(next.value)
        look(next.value)
      } catch (cause) {
        ended()
        throw cause
      }
    },
    cancel(reason) {
      ended()
      return reader.cancel(reason)
    },
  })
}
