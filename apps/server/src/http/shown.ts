/**
 * Workspaces that are not on the web. A browser (whoever comes with a cookie) does not see them: not in a list, not by
 * their address, not on a page's socket, and no answer of it reaches them. The command line sees all.
 */
import type { Store, WorkspaceRecord } from '@berth/core'
import { ApprovalId, BerthError, WorkspaceId } from '@berth/wire'
import type { Approval, Workspace } from '@berth/wire'
import { API_PREFIX } from '@berth/wire/routes'
import type { Caller } from './credentials.ts'

type ShownStore = Pick<Store, 'getWorkspace' | 'listWorkspaces' | 'approvals'>

const isShown = (record: WorkspaceRecord | null): boolean => record?.workspace.web !== false

export function shownTo(caller: Pick<Caller, 'by'>, workspaces: Workspace[]): Workspace[] {
  return caller.by === 'token' ? workspaces : onTheWeb(workspaces)
}
export const onTheWeb = (workspaces: Workspace[]): Workspace[] => workspaces.filter(({ web }) => web !== false)

export async function approvalsShownTo(store: ShownStore, caller: Pick<Caller, 'by'>, approvals: Approval[]): Promise<Approval[]> {
  return caller.by === 'token' ? approvals : approvalsOnTheWeb(store, approvals)
}
async function approvalsOnTheWeb(store: Pick<Store, 'getWorkspace'>, approvals: Approval[]): Promise<Approval[]> {
  const hidden = new Set<WorkspaceId>()
  for (const id of new Set(approvals.map(({ workspaceId }) => workspaceId))) if (!isShown(await store.getWorkspace(id))) hidden.add(id)
  return approvals.filter(({ workspaceId }) => !hidden.has(workspaceId))
}

/** What the pages' sockets read from. */
export function shownStore(store: Store): Pick<Store, 'getWorkspace' | 'events' | 'approvals' | 'viewers'> {
  const shown = async (id: WorkspaceId) => {
    const record = await store.getWorkspace(id)
    return isShown(record) ? record : null
  }
  return {
    events: store.events, viewers: store.viewers, getWorkspace: shown,
    approvals: {
      ...store.approvals,
      list: async (options) => approvalsOnTheWeb(store, await store.approvals.list(options)),
      async get(id) {
        const approval = await store.approvals.get(id)
        return approval === null || (await shown(approval.workspaceId)) === null ? null : approval
      },
    },
  }
}

const NAMED = new RegExp(`^(?:${API_PREFIX}/workspaces|/git|${API_PREFIX}/approvals)/([^/]+)`)

/** For whatever names a workspace, or a question of one, by its address. */
export async function requireShown(store: ShownStore, caller: Pick<Caller, 'by'>, url: URL): Promise<void> {
  const id = await hiddenFrom(store, caller, url)
  if (id !== null) throw new BerthError('not_found', `${id} is not shown on the web`, { hint: `berth web ${id} --on` })
}

export async function isShownTo(store: ShownStore, caller: Pick<Caller, 'by'>, url: URL): Promise<boolean> {
  return (await hiddenFrom(store, caller, url)) === null
}

/** Null: nothing of that name is hidden. */
async function hiddenFrom(store: ShownStore, caller: Pick<Caller, 'by'>, { pathname }: URL): Promise<WorkspaceId | null> {
  const written = NAMED.exec(pathname)?.[1]
  if (caller.by === 'token' || written === undefined) return null
  // As whoever answers reads it: a name can be written with % too.
  const name = decodeURIComponent(written)
  const approvalId = ApprovalId.safeParse(name)
  const id = approvalId.success ? (await store.approvals.get(approvalId.data))?.workspaceId : WorkspaceId.safeParse(name).data
  return id === undefined || isShown(await store.getWorkspace(id)) ? null : id
}
