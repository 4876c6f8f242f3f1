/** The workspace and the settings behind a preview's name, remembered for a moment: a page asks a hundred times. */
import type { Clock, PreviewRow, Store } from '@berth/core'
import { WorkspaceId } from '@berth/wire'
import type { PreviewHosts, PreviewName } from './hosts.ts'

export interface Site {
  readonly workspaceId: WorkspaceId
  readonly workspace: string
  readonly port: number
  /** As people are sent here. */
  readonly origin: string
  /** Browsers of people who are signed in may see it. */
  readonly onTheWeb: boolean
  readonly settings: PreviewRow | null
}
export interface Sites {
  /** At once when it is remembered. */
  find(name: PreviewName): Site | null | Promise<Site | null>
  /** What was remembered of a workspace is not so any more. */
  forget(id: WorkspaceId): void
}

export const REMEMBERED_MS = 3000
const REMEMBERED_LIMIT = 1000

export function createSites(deps: { store: Pick<Store, 'previews' | 'getWorkspace'>; clock: Clock; hosts: PreviewHosts }): Sites {
  const known = new Map<string, { until: number; site: Site | null | Promise<Site | null>; /** Null: not known yet, or none. */ id: WorkspaceId | null }>()
  const idOf = async (label: string): Promise<WorkspaceId | null> =>
    (await deps.store.previews.named(label)) ?? WorkspaceId.safeParse(label.startsWith('ws_') ? label : `ws_${label}`).data ?? null

  async function look({ port, label, onBase }: PreviewName): Promise<Site | null> {
    const id = await idOf(label)
    const record = id === null ? null : await deps.store.getWorkspace(id)
    if (record === null || record.workspace.deletedAt !== null || record.workspace.wish.target === 'deleted') return null
    const { workspace } = record
    return {
      workspaceId: workspace.id, workspace: workspace.name, port, origin: deps.hosts.origin({ port, label }, onBase),
      onTheWeb: workspace.web !== false, settings: await deps.store.previews.get({ workspaceId: workspace.id, port }),
    }
  }
  return {
    find(name) {
      const key = `${name.onBase ? '' : 'local '}${name.port}--${name.label}`
      const now = deps.clock.now()
      const present = known.get(key)
      if (present !== undefined && present.until > now) return present.site
      if (known.size >= REMEMBERED_LIMIT) known.clear()
      const looking = look(name)
      const entry: { until: number; site: Site | null | Promise<Site | null>; id: WorkspaceId | null } = { until: now + REMEMBERED_MS, site: looking, id: null }
      known.set(key, entry)
      looking.then((site) => Object.assign(entry, { site, id: site?.workspaceId ?? null }), () => known.delete(key))
      return looking
    },
    forget(id) {
      for (const [key, entry] of known) if (entry.id === null || entry.id === id) known.delete(key)
    },
  }
}
