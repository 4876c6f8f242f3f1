/**
 * Whether a container that runs is still held: what belongs beside its machine is not there, and its daemon has not
 * begun. Whoever was letting it begin may have died; a machine that is held is one that still starts.
 */
import { HOLD_PATH } from './container.ts'
import type { Engine } from './engine.ts'

const KEPT = 10_000

/** Asked of the engine until it was let go; a start is let go once. */
export function createHeld(engine: Engine): (container: { readonly Id: string; readonly State: { readonly StartedAt?: string } }, signal: AbortSignal) => Promise<boolean> {
  const letGo = new Set<string>()
  return async ({ Id, State }, signal) => {
    const start = `${Id} ${State.StartedAt ?? ''}`
    if (letGo.has(start)) return false
    const answer = await engine.call(`/containers/${Id}/archive`, { method: 'HEAD', query: { path: HOLD_PATH }, what: 'looking whether the machine has begun', accept: [404, 409] }, signal)
    await answer.body?.cancel()
    const size = answer.ok ? sizeIn(answer.headers.get('x-docker-container-path-stat')) : 0
    if (size > 0) return true
    if (letGo.size >= KEPT) letGo.clear()
    letGo.add(start)
    return false
  }
}

/** `{"name":"hold","size":23,…}` in base64. */
function sizeIn(stat: string | null): number {
  try {
    const { size } = JSON.parse(Buffer.from(stat ?? '', 'base64').toString('utf8')) as { size?: unknown }
    return typeof size === 'number' ? size : 0
  } catch {
    return 0
  }
}
