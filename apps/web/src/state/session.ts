/** What the page knows: who it talks to, the list, the route, and the last refusal. */
import { signal } from '@preact/signals'
import { createClient } from '@berth/client'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'

/** Same origin; the session cookie is the credential. */
export const endpoint = { url: '' }
export const client = createClient(endpoint)

export const workspaces = signal<Workspace[] | null>(null)
export const signedOut = signal(false)
/** Shown until the next success. */
export const trouble = signal<{ message: string; hint: string | null } | null>(null)
export const now = signal(Date.now())

export type Route = { at: 'list' } | { at: 'workspace'; id: WorkspaceId; pane: 'stream' | 'terminal' }
export const route = signal<Route>(parseRoute(location.pathname))

export function parseRoute(path: string): Route {
  const match = path.match(/^\/w\/(ws_[0-9a-z]+)(\/terminal)?$/)
  return match ? { at: 'workspace', id: match[1] as WorkspaceId, pane: match[2] ? 'terminal' : 'stream' } : { at: 'list' }
}

export function go(path: string): void {
  history.pushState(null, '', path)
  route.value = parseRoute(path)
}

/** Runs a call for a person: a refusal is shown, a lost sign-in shows the way back in. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    const value = await work()
    trouble.value = null
    return value
  } catch (error) {
    if (error instanceof BerthError && error.code === 'unauthorized') signedOut.value = true
    else if (error instanceof BerthError) trouble.value = { message: error.message, hint: error.hint ?? null }
    else trouble.value = { message: String(error), hint: null }
    return null
  }
}

export async function refresh(): Promise<void> {
  const list = await attempt(() => client.listWorkspaces({}))
  if (list) workspaces.value = list
}

/** A page in the background asks less often. */
export function keepFresh(): void {
  const LIST_MS = 2000
  const tick = async () => {
    now.value = Date.now()
    if (!document.hidden && !signedOut.value) await refresh()
    setTimeout(() => void tick(), document.hidden ? LIST_MS * 5 : LIST_MS)
  }
  void tick()
  addEventListener('popstate', () => (route.value = parseRoute(location.pathname)))
}
