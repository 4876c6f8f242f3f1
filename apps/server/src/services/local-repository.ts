/**
 * A directory of this server's machine, chosen in the page. Only one that a person brought with `berth up` before: it
 * is theirs, and no tree that an agent writes. A machine cannot see it, so the server takes in what is committed there,
 * as the command line would have pushed it.
 */
import { BerthError } from '@berth/wire'
import type { CodeSource, WorkspaceId } from '@berth/wire'
import type { Identity } from '@berth/core'
import type { ServiceDeps } from './deps.ts'
import { SOURCES } from './repositories.ts'
import { sourceFailed, sourceReady } from './workspaces.ts'

export interface LocalRepository { readonly path: string; readonly branch: string | null }

/** Null: not of this kind, or nobody brought it before. */
export async function localRepository({ store }: Pick<ServiceDeps, 'store'>, source: CodeSource, orgId: Identity['orgId']): Promise<LocalRepository | null> {
  if (source.kind !== 'git' || source.commit !== undefined) return null
  const path = pathOf(source.url)
  if (path === null) return null
  const known = (await store.listSources(orgId, SOURCES)).some((one) => one.source.kind === 'hosted' && one.source.label === path)
  return known ? { path, branch: source.branch ?? null } : null
}

function pathOf(url: string): string | null {
  if (url.startsWith('/')) return url
  return /^file:\/\/\//i.test(url) ? decodeURI(url.slice('file://'.length)) : null
}

/** Returns at once; the workspace waits for its code, or fails with the reason. */
export function takeIn(deps: ServiceDeps, id: WorkspaceId, from: LocalRepository): void {
  const taken = async () => {
    await deps.repositories.ensure(id)
    await deps.repositories.takeIn(id, from)
    await sourceReady(deps, id)
  }
  taken().catch(async (error: unknown) => {
    const message = error instanceof BerthError ? error.message : 'it cannot be read'
    await sourceFailed(deps, id, message)
  }).catch((error: unknown) => deps.log(`${id}: its code was not taken in: ${String(error)}`))
}
