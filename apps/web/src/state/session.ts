/**
 * What the page knows: who it talks to, the list, what waits for a person, the route, and the last refusal. Also drawn
 * on the server (`render.tsx`), so nothing here touches the browser before it is asked to.
 */
import { signal } from '@preact/signals'
import { createPageClient } from '@berth/client/page-client'
import type { Approval, Workspace, WorkspaceId } from '@berth/wire'
import { isUnanswered } from '@berth/wire/approval-rules'
import { BerthError } from '@berth/wire/error'
import { API_PREFIX } from '@berth/wire/api-prefix'
import { whenItRests } from './pace.ts'

/** Same origin; the session cookie is the credential. */
export const endpoint = { url: '' }
export const allRoutes = async () => (await import('@berth/wire/routes')).routes
/** What a session asks for before anybody enters a room. */
const AT_HAND = {
  decideApproval: 'POST /approvals/{id}/decision', interrupt: 'POST /workspaces/{id}/interrupt', listEvents: 'GET /workspaces/{id}/events', sendMessage: 'POST /workspaces/{id}/messages',
  setWeb: 'POST /workspaces/{id}/web', startWorkspace: 'POST /workspaces/{id}/start', stopWorkspace: 'POST /workspaces/{id}/stop',
} as const
export const client = createPageClient(endpoint, AT_HAND, allRoutes)
export const socketUrl = (path: string) => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${API_PREFIX}${path}`

export const workspaces = signal<readonly Workspace[] | null>(null)
/** Open ones, oldest first. */
export const approvals = signal<readonly Approval[]>([])
/** The one that a notification led to: it stands before the others of its workspace. */
export const wanted = signal<string | null>(null)
export const signedOut = signal(false)
/** What was refused to a person; stays until they send it away or something else works. */
export const trouble = signal<{ message: string; hint: string | null } | null>(null)
/** Since when nothing is heard from the server, once that is worth a word; null while all is well. */
export const offlineSince = signal<number | null>(null)
export const now = signal(0)
/** How far the server's clock is before this device's. */
let ahead = 0
/** What takes this long may be the network. */
const CLOCK_WITHIN_MS = 5000
/** The time by the server's clock, which all that it says is told by: a device's own may be wrong by hours. */
export const serverNow = () => Date.now() + ahead
export function hearTime(at: number): void {
  ahead = at - Date.now()
  if (Math.abs(ahead) < CLOCK_WITHIN_MS) ahead = 0
  now.value = serverNow()
}

const PANES = ['chat', 'status', 'changes', 'terminal', 'preview', 'files', 'cost'] as const
export type Pane = (typeof PANES)[number]
export type Route = { at: 'list' } | { at: 'workspace'; id: WorkspaceId; pane: Pane } | { at: 'settings' } | { at: 'repositories' } | { at: 'new' } | { at: 'grid' } | { at: 'nowhere' }
export const route = signal<Route>({ at: 'list' })

/** The server prints the first two as `webUrl` and `terminalUrl`. */
export function parseRoute(path: string): Route {
  const match = /^\/workspaces\/(ws_[0-9a-z]+)(?:\/([a-z]+))?\/?$/.exec(path)
  const pane = PANES.find((name) => name === (match?.[2] ?? 'chat'))
  // Only an address the server itself checks; a wrong id is answered with "does not exist".
  if (match && pane) return { at: 'workspace', id: match[1] as WorkspaceId, pane }
  if (path === '/' || /^\/workspaces\/?$/.test(path)) return { at: 'list' }
  const place = (['settings', 'repositories', 'new', 'grid'] as const).find((name) => path === `/${name}`)
  return place ? { at: place } : { at: 'nowhere' }
}

export function pathTo(id: WorkspaceId, pane: Pane = 'chat'): string {
  return pane === 'chat' ? `/workspaces/${id}` : `/workspaces/${id}/${pane}`
}

export function go(path: string): void {
  if (path !== location.pathname) history.pushState(null, '', path)
  route.value = parseRoute(path)
}

/** For links: the page goes there without loading anew; another tab or window is the browser's business. */
export function linkTo(path: string): { href: string; onClick: (event: MouseEvent) => void } {
  return {
    href: path,
    onClick(event) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      go(path)
    },
  }
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

export function refused(error: unknown): void {
  if (!(error instanceof BerthError)) trouble.value = { message: String(error), hint: null }
  else if (error.code === 'unauthorized') signedOut.value = true
  else if (error.code !== 'cancelled') trouble.value = { message: error.message, hint: error.hint ?? null }
}

export function workspaceOf(id: WorkspaceId): Workspace | undefined {
  return workspaces.value?.find((candidate) => candidate.id === id)
}

/** What is told of a workspace after each of its events, and not yet shown. */
const told = new Map<WorkspaceId, Workspace>()
/** When the page has nothing better to do: the event itself is drawn first. */
export function putWorkspaceSoon(workspace: Workspace): void {
  const isFirst = told.size === 0
  told.set(workspace.id, workspace)
  if (!isFirst) return
  whenItRests(() => { for (const one of told.values()) putWorkspace(one) })
}

export function putWorkspaces(list: readonly Workspace[]): void {
  told.clear()
  workspaces.value = list
}

/** One changed, or is new: newest first, as the server lists them. */
export function putWorkspace(workspace: Workspace): void {
  told.delete(workspace.id)
  const list = workspaces.value ?? []
  const gone = workspace.phase === 'deleted'
  const others = list.filter(({ id }) => id !== workspace.id)
  if (gone) workspaces.value = others
  else workspaces.value = others.length === list.length ? [workspace, ...list] : list.map((known) => (known.id === workspace.id ? { ...workspace, may: workspace.may ?? known.may } : known))
}

/** One was asked or answered. */
export function putApproval(approval: Approval): void {
  const others = approvals.value.filter(({ approvalId }) => approvalId !== approval.approvalId)
  approvals.value = isUnanswered(approval) ? [...others, approval].sort((a, b) => a.askedAt - b.askedAt) : others
}
