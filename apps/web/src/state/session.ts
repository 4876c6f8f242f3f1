/** What the page knows: who it talks to, the list, what waits for a person, the route, and the last refusal. */
import { signal } from '@preact/signals'
import { createClient } from '@berth/client'
import type { Approval, Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'

/** Same origin; the session cookie is the credential. */
export const endpoint = { url: '' }
export const client = createClient(endpoint)

export const workspaces = signal<Workspace[] | null>(null)
export const approvals = signal<readonly Approval[]>([])
export const signedOut = signal(false)
/** What was refused to a person; stays until they send it away or something else works. */
export const trouble = signal<{ message: string; hint: string | null } | null>(null)
/** When the list was last read, while the server does not answer; null when it does. */
export const offlineSince = signal<number | null>(null)
export const now = signal(Date.now())

export type Route = { at: 'list' } | { at: 'workspace'; id: WorkspaceId; pane: 'stream' | 'terminal' } | { at: 'nowhere' }
export const route = signal<Route>(parseRoute(location.pathname))

/** The server prints these paths as `webUrl` and `terminalUrl`. */
export function parseRoute(path: string): Route {
  const match = path.match(/^\/workspaces\/(ws_[0-9a-z]+)(\/terminal)?\/?$/)
  if (match) return { at: 'workspace', id: match[1] as WorkspaceId, pane: match[2] ? 'terminal' : 'stream' }
  return path === '/' || /^\/workspaces\/?$/.test(path) ? { at: 'list' } : { at: 'nowhere' }
}

export function pathTo(id: WorkspaceId, pane: 'stream' | 'terminal' = 'stream'): string {
  return pane === 'terminal' ? `/workspaces/${id}/terminal` : `/workspaces/${id}`
}

export function go(path: string): void {
  if (path !== location.pathname) history.pushState(null, '', path)
  route.value = parseRoute(path)
}

/** Runs a call for a person: a refusal is shown, a lost sign-in shows the way back in. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    const value = await work()
    trouble.value = null
    return value
  } catch (error) {
    refused(error)
    return null
  }
}

function refused(error: unknown): void {
  if (!(error instanceof BerthError)) trouble.value = { message: String(error), hint: null }
  else if (error.code === 'unauthorized') signedOut.value = true
  else if (error.code !== 'cancelled') trouble.value = { message: error.message, hint: error.hint ?? null }
}

let readAt = Date.now()

/** Reads the list in the background; a server that is away is a state of the page, not a refusal. */
export async function refresh(): Promise<void> {
  try {
    const list = await client.listWorkspaces({})
    approvals.value = list.some((workspace) => workspace.needsYou > 0) ? await client.listApprovals({}) : []
    workspaces.value = list
    readAt = Date.now()
    offlineSince.value = null
  } catch (error) {
    if (error instanceof BerthError && error.code === 'unauthorized') signedOut.value = true
    else offlineSince.value = readAt
  }
}

/** A page in the background asks less often. */
export function keepFresh(): void {
  const LIST_MS = 2000
  const HIDDEN_LIST_MS = 10_000
  let timer: ReturnType<typeof setTimeout> | undefined
  const tick = async () => {
    clearTimeout(timer)
    now.value = Date.now()
    if (!signedOut.value) await refresh()
    clearTimeout(timer)
    timer = setTimeout(() => void tick(), document.hidden ? HIDDEN_LIST_MS : LIST_MS)
  }
  void tick()
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void tick()
  })
  addEventListener('popstate', () => (route.value = parseRoute(location.pathname)))
}
