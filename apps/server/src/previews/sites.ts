/** The workspace and the settings behind a preview's name, remembered for a moment: a page asks a hundred times. */
import type { Clock, PreviewRow, Store } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { remembered } from '../remembered.ts'
import type { PreviewHosts, PreviewName } from './hosts.ts'
import { idBehind, labelsOf } from './label.ts'

export interface Site {
  readonly workspaceId: WorkspaceId
  readonly workspace: string
  /** In the names of its previews. */
  readonly labels: readonly string[]
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
  const known = remembered<Site | null>({ clock: deps.clock, ms: REMEMBERED_MS, limit: REMEMBERED_LIMIT })
  async function look({ port, label, onBase }: PreviewName): Promise<Site | null> {
    const id = await idBehind(deps.store, label)
    const record = id === null ? null : await deps.store.getWorkspace(id)
    if (record === null || record.workspace.deletedAt !== null || record.workspace.wish.target === 'deleted') return null
    const { workspace } = record
    return {
      workspaceId: workspace.id, workspace: workspace.name, labels: await labelsOf(deps.store.previews, workspace), port, origin: deps.hosts.origin({ port, label }, onBase),
      onTheWeb: workspace.web !== false, settings: await deps.store.previews.get({ workspaceId: workspace.id, port }),
    }
  }
  return {
    find: (name) => known.get(`${name.onBase ? '' : 'local '}${name.port}--${name.label}`, () => look(name)),
    forget: (id) => known.forget((site) => site === null || site.workspaceId === id),
  }
}
