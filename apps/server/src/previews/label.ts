/**
 * What a workspace is called in the names of its previews. A name is one organisation's: those of the server's first one
 * are reached by theirs, those of others by their id, which nobody else can be called. So no workspace is found under the
 * name of another, nor gets what a browser has kept for it.
 */
import type { PreviewStore, Store } from '@berth/core'
import { WorkspaceId } from '@berth/wire'

export async function labelOf(previews: Pick<PreviewStore, 'named'>, { id, name }: { readonly id: WorkspaceId; readonly name: string }): Promise<string> {
  return (await previews.named(name)) === id ? name : withoutPrefix(id)
}
const PREFIX = 'ws_'
const withoutPrefix = (id: WorkspaceId): string => id.slice(PREFIX.length)

/** All that lead to it. */
export const labelsOf = async (previews: Pick<PreviewStore, 'named'>, workspace: { readonly id: WorkspaceId; readonly name: string }): Promise<string[]> =>
  [...new Set([workspace.id, withoutPrefix(workspace.id), await labelOf(previews, workspace)])]

/** An id before a name: who is called as another's id is takes nothing from it. */
export async function idBehind({ previews, getWorkspace }: { readonly previews: Pick<PreviewStore, 'named'>; getWorkspace: Store['getWorkspace'] }, label: string): Promise<WorkspaceId | null> {
  const id = WorkspaceId.safeParse(label.startsWith(PREFIX) ? label : `${PREFIX}${label}`).data
  return id !== undefined && (await getWorkspace(id)) !== null ? id : previews.named(label)
}
