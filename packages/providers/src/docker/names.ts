/** How everything of one machine is named and labelled in the engine. */
import type { MachineMade, Owner } from '@berth/core'
import { labelsOf, machineName, OWNER_LABEL, type Labels } from '../owner-labels.ts'
import type { Devcontainer } from './devcontainer/prepare.ts'

export { createdAtIn, labelsOf, machineName, ownerIn, sameOwner, type Labels } from '../owner-labels.ts'

const LABEL = { revision: 'dev.berth.project-revision', made: 'dev.berth.made', devcontainer: 'dev.berth.devcontainer', companion: 'dev.berth.companion' } as const
export const VOLUMES = ['work', 'home', 'state'] as const
/** Of the engine beside a machine that asked for one: its images and containers, and what it shares with the machine. */
export const INSIDE_VOLUMES = ['docker', 'docker-shared'] as const
export type VolumeKind = (typeof VOLUMES)[number]

export const volumeName = (owner: Owner, kind: VolumeKind | (typeof INSIDE_VOLUMES)[number]): string => `${machineName(owner)}-${kind}`

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
  return JSON.stringify({ label: [`${OWNER_LABEL.installation}=${installation}`] })
}
