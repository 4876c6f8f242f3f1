/** How a thing at a vendor says whose it is. A name finds it; only its labels prove it. */
import type { Owner } from '@berth/core'

export type Labels = Readonly<Record<string, string>> | null | undefined

export const OWNER_LABEL = { installation: 'dev.berth.installation', workspace: 'dev.berth.workspace', generation: 'dev.berth.generation', createdAt: 'dev.berth.created-at' } as const
const INSTALLATION_SHOWN = 8

export const machineName = (owner: Owner): string => `berth-${installationShown(owner.installation)}-${owner.workspaceId}-g${owner.generation}`
export const installationShown = (installation: string): string => installation.replace(/[^a-zA-Z0-9]/g, '').slice(0, INSTALLATION_SHOWN)

export function labelsOf(owner: Owner, createdAt: number): Record<string, string> {
  return { [OWNER_LABEL.installation]: owner.installation, [OWNER_LABEL.workspace]: owner.workspaceId, [OWNER_LABEL.generation]: String(owner.generation), [OWNER_LABEL.createdAt]: String(createdAt) }
}

/** `foreign`: none of our labels. `ambiguous`: some, but not all or not well formed. */
export function ownerIn(labels: Labels): Owner | 'foreign' | 'ambiguous' {
  const installation = labels?.[OWNER_LABEL.installation]
  const workspaceId = labels?.[OWNER_LABEL.workspace]
  const generation = labels?.[OWNER_LABEL.generation]
  if (installation === undefined && workspaceId === undefined && generation === undefined) return 'foreign'
  if (!installation || !workspaceId || !/^\d{1,9}$/.test(generation ?? '')) return 'ambiguous'
  return { installation, workspaceId, generation: Number(generation) }
}

export const createdAtIn = (labels: Labels): number => Number(labels?.[OWNER_LABEL.createdAt] ?? 0) || 0

export function sameOwner(a: Owner | 'foreign' | 'ambiguous', b: Owner): boolean {
  return typeof a === 'object' && a.installation === b.installation && a.workspaceId === b.workspaceId && a.generation === b.generation
}
