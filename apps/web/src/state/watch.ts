import { request } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { API_PREFIX } from '@berth/wire/routes'
import { client, endpoint } from './session.ts'

/** A viewer that the server refuses or forgot joins again after this long. */
const REJOIN_MS = 10_000

/** Says to the server that somebody looks; `input` only when a person did something (a page that is merely open is not activity). */
export function watch(id: WorkspaceId): () => void {
  const stop = new AbortController()
  const { signal } = stop
  let input = false
  const touched = () => (input = true)
  for (const name of ['keydown', 'pointerdown', 'wheel'] as const) addEventListener(name, touched, { signal, passive: true })
  void (async () => {
    while (!signal.aborted) {
      const viewer = await client.joinViewer({ id, client: 'web' }, signal).catch(() => null)
      let known = viewer !== null
      const leave = () => {
        // Outlives the page that sends it.
        if (viewer) request(endpoint, `${API_PREFIX}/viewers/${viewer.viewerId}`, { method: 'DELETE', keepalive: true }).catch(() => null)
      }
      addEventListener('pagehide', leave)
      while (viewer && known && !signal.aborted) {
        await pause(viewer.heartbeatMs, signal)
        if (signal.aborted) break
        const said = input
        input = false
        known = await client.heartbeatViewer({ viewerId: viewer.viewerId, input: said }, signal).then(() => true, () => false)
      }
      removeEventListener('pagehide', leave)
      if (signal.aborted) leave()
      await pause(REJOIN_MS, signal)
    }
  })()
  return () => stop.abort()
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
