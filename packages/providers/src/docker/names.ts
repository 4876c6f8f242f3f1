/** How everything of one machine is named and labelled. A name finds it; only its labels say whose it is. */
import type { MachineMade, Owner } from '@berth/core'
import type { Devcontainer } from './devcontainer/prepare.ts'

const LABEL = { installation: 'dev.berth.installation', workspace: 'dev.berth.workspace', generation: 'dev.berth.generation', createdAt: 'dev.berth.created-at', revision: 'dev.berth.project-revision', made: 'dev.berth.made', devcontainer: 'dev.berth.devcontainer', companion: 'dev.berth.companion' } as const
const INSTALLATION_SHOWN = 8
export const VOLUMES = ['work', 'home', 'state'] as const
/** Of the engine beside a machine that asked for one: its images and containers, and what it shares with the machine. */
export const INSIDE_VOLUMES = ['docker', 'docker-shared'] as const
export type VolumeKind = (typeof VOLUMES)[number]
export type Labels = Readonly<Record<string, string>> | null | undefined

export const machineName = (owner: Owner): string => `berth-${owner.installation.replace(/[^a-zA-Z0-9]/g, '').slice(0, INSTALLATION_SHOWN)}-${owner.workspaceId}-g${owner.generation}`
export const volumeName = (owner: Owner, kind: VolumeKind | (typeof INSIDE_VOLUMES)[number]): string => `${machineName(owner)}-${kind}`

export function labelsOf(owner: Owner, createdAt: number): Record<string, string> {
  return { [LABEL.installation]: owner.installation, [LABEL.workspace]: owner.workspaceId, [LABEL.generation]: String(owner.generation), [LABEL.createdAt]: String(createdAt) }
}

/** A container beside the machine, and what it is there: never a machine itself. */
export const companionName = (owner: Owner, name: string): string => `${machineName(owner)}-${name}`
export const companionLabels = (owner: Owner, name: string, createdAt: number): Record<string, string> => ({ ...labelsOf(owner, createdAt), [LABEL.companion]: name })
export const companionIn = (labels: Labels): string | null => labels?.[LABEL.companion] ?? null

/** A service of a compose file, and its volumes: never the name of another thing beside the machine. */
export const serviceName = (name: string): string => `service-${name}`
export const serviceVolumeName = (owner: Owner, name: string): string => `${machineName(owner)}-volume-${name}`

/** What the project had to do with this machine; kept with it, so that it is told, and started again, even after a crash. */
export function projectLabels(kept: { revision: number | null; made: MachineMade | null; devcontainer: Devcontainer | null }): Record<string, string> {
  const { revision, made, devcontainer } = kept
  return {
    ...(revision === null ? {} : { [LABEL.revision]: String(revision) }),
    ...(made === null ? {} : { [LABEL.made]: JSON.stringify(made) }),
    ...(devcontainer === null ? {} : { [LABEL.devcontainer]: JSON.stringify({ ...devcontainer, ignored: [] }) }),
  }
}

/** 0: made without asking the project. */
export const revisionIn = (labels: Labels): number => Number(labels?.[LABEL.revision] ?? 0) || 0
// Written by `projectLabels`, on a container that is proven to be ours.
export const madeIn = (labels: Labels): MachineMade | null => parsed(labels?.[LABEL.made]) as MachineMade | null
export const devcontainerIn = (labels: Labels): Devcontainer | null => parsed(labels?.[LABEL.devcontainer]) as Devcontainer | null

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return null
  }
}

export function filterOf(installation: string): string {
  return JSON.stringify({ label: [`${LABEL.installation}=${installation}`] })
}

/** `foreign`: none of our labels. `ambiguous`: some, but not all or not well formed. */
export function ownerIn(labels: Labels): Owner | 'foreign' | 'ambiguous' {
  const installation = labels?.[LABEL.installation]
  const workspaceId = labels?.[LABEL.workspace]
  const generation = labels?.[LABEL.generation]
  if (installation === undefined && workspaceId === undefined && generation === undefined) return 'foreign'
  if (!installation || !workspaceId || !/^\d{1,9}$/.test(generation ?? '')) return 'ambiguous'
  return { installation, workspaceId, generation: Number(generation) }
}

export const createdAtIn = (labels: Labels): number => Number(labels?.[LABEL.createdAt] ?? 0) || 0

export function sameOwner(a: Owner | 'foreign' | 'ambiguous', b: Owner): boolean {
  return typeof a === 'object' && a.installation === b.installation && a.workspaceId === b.workspaceId && a.generation === b.generation
}
