/** What happened, told to the apps that want to know: signed over the exact bytes, kept, and sent again when asked. */
import { createHmac } from 'node:crypto'
import type { App, Delivery, Installation, Repository } from './model.ts'
import { guid } from './world.ts'
import type { World } from './world.ts'

/** An answer later than this is none. */
const ANSWER_WITHIN_MS = 10_000

export interface Happening { readonly event: string; readonly action: string | null; readonly payload: Record<string, unknown>; readonly installation: Installation | null; readonly repository: Repository | null }

export function createWebhooks(world: World) {
  async function send(app: App, of: Omit<Delivery, 'id' | 'at' | 'statusCode' | 'app'>): Promise<Delivery> {
    const bytes = JSON.stringify(of.payload)
    let statusCode = 0
    if (app.hookUrl !== null) {
      const headers = { 'content-type': 'application/json', 'user-agent': 'GitHub-Hookshot/sim', 'x-github-event': of.event, 'x-github-delivery': of.guid, 'x-github-hook-installation-target-id': String(app.id), 'x-github-hook-installation-target-type': 'integration', 'x-hub-signature-256': `sha256=${createHmac('sha256', app.webhookSecret).update(bytes).digest('hex')}` }
      statusCode = await fetch(app.hookUrl, { method: 'POST', headers, body: bytes, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).then(({ status }) => status, () => 502)
    }
    const made = { ...of, app, id: world.nextId(), at: world.now(), statusCode }
    // An app without a hook has no list of what it was told.
    if (app.hookUrl !== null) world.deliveries.push(made)
    return made
  }
  return {
    /** Ends when the app has answered. */
    tell: (app: App, { event, action, payload, installation, repository }: Happening): Promise<Delivery> => send(app, { guid: guid(), event, action, payload: { ...(action === null ? {} : { action }), ...payload }, redelivery: false, installationId: installation?.id ?? null, repositoryId: repository?.id ?? null }),
    /** The same one: what was taken in already is known by its guid. */
    redeliver: ({ app, guid: same, event, action, payload, installationId, repositoryId }: Delivery): Promise<Delivery> => send(app, { guid: same, event, action, payload, installationId, repositoryId, redelivery: true }),
  }
}
export type Webhooks = ReturnType<typeof createWebhooks>
