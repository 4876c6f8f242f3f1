/** Ports of a workspace as previews: what listens, what people set, and where to open it. */
import { deadlines } from '@berth/core'
import type { PreviewRow } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { Preview } from '@berth/wire/previews'
import type { Previews } from '../previews/index.ts'
import { labelOf } from '../previews/label.ts'
import { shareUrl } from '../previews/entering.ts'
import type { ServiceDeps } from './deps.ts'
import { listPorts } from './files.ts'
import { requireRecord } from './view.ts'

export interface PreviewDeps extends ServiceDeps { readonly previews: Pick<Previews, 'hosts' | 'changed'> }

export async function listPreviews(deps: PreviewDeps, id: WorkspaceId): Promise<Preview[]> {
  const { workspace } = await requireRecord(deps, id)
  const [rows, listening, label] = await Promise.all([deps.store.previews.list(id), listPorts(deps, id), labelOf(deps.store.previews, workspace)])
  const ports = [...new Set([...rows.map(({ port }) => port), ...listening.map(({ port }) => port)])].sort((one, other) => one - other)
  const list = ports.map((port): Preview => {
    const row = rows.find((known) => known.port === port)
    const found = listening.find((known) => known.port === port)
    return {
      port, from: row === undefined ? 'found' : 'declared', label: row?.label ?? null, primary: row?.primary ?? false,
      listening: found !== undefined, process: found?.process ?? null, access: row?.access ?? 'private', hostHeader: row?.hostHeader ?? 'preview', wake: row?.wake ?? false,
      url: deps.previews.hosts.origin({ port, label }),
    }
  })
  // Nobody said which: the first that was named, or else the first there is.
  const primary = list.find((preview) => preview.primary) ?? list.find(({ from }) => from === 'declared') ?? list[0]
  return list.map((preview) => ({ ...preview, primary: preview === primary }))
}

export type PreviewInput = Partial<Pick<PreviewRow, 'access' | 'hostHeader' | 'primary' | 'wake'>> & { readonly label?: string | undefined }

export async function setPreview(deps: PreviewDeps, at: { id: WorkspaceId; port: number }, change: PreviewInput): Promise<Preview> {
  await requireRecord(deps, at.id)
  const { label, ...rest } = change
  await deps.store.previews.set({ workspaceId: at.id, port: at.port }, { ...given(rest), ...(label === undefined ? {} : { label: label === '' ? null : label }) }, deps.clock.now())
  deps.previews.changed(at.id)
  const preview = (await listPreviews(deps, at.id)).find(({ port }) => port === at.port)
  if (preview === undefined) throw new Error('the row was just written')
  return preview
}

/** An option that was not given leaves what is there. */
const given = <T extends object>(change: T): Partial<T> => Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>

export async function sharePreview(deps: PreviewDeps, at: { id: WorkspaceId; port: number }): Promise<{ url: string; expiresAt: number | null }> {
  const { workspace } = await requireRecord(deps, at.id)
  const now = deps.clock.now()
  const expiresAt = now + deadlines.previewShare
  const token = await deps.store.previews.share({ workspaceId: at.id, port: at.port }, expiresAt, now)
  deps.previews.changed(at.id)
  return { url: shareUrl(deps.previews.hosts.origin({ port: at.port, label: await labelOf(deps.store.previews, workspace) }), token), expiresAt }
}
