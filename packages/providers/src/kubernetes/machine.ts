/** What stands in the namespace for one machine: a claim with its disk, which all else belongs to, and what runs on it. */
import type { Machine, Observed, Owner } from '@berth/core'
import { createdAtIn, labelsOf, machineName, OWNER_LABEL, ownerIn, sameOwner, type Labels } from '../owner-labels.ts'

export interface Thing {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels?: Labels; readonly annotations?: Labels; readonly creationTimestamp: string; readonly deletionTimestamp?: string }
}
export interface Claim extends Thing { readonly status?: { readonly phase?: string } }
export interface Secret extends Thing { readonly data?: Readonly<Record<string, string>> }
export interface Workload extends Thing {
  readonly spec: { readonly replicas?: number; readonly operatingMode?: string; readonly shutdownTime?: string }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly reason?: string; readonly message?: string }[] }
}
interface State { readonly waiting?: { readonly reason?: string; readonly message?: string }; readonly running?: { readonly startedAt?: string }; readonly terminated?: { readonly exitCode?: number; readonly reason?: string } }
export interface ContainerStatus { readonly name: string; readonly ready?: boolean; readonly restartCount?: number; readonly state?: State; readonly lastState?: State }
export interface Pod extends Thing {
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string; readonly lastTransitionTime?: string }[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}
export interface Found {
  readonly claim: Claim | null
  readonly workload: Workload | null
  readonly pod: Pod | null
  /** There while a start goes on. */
  readonly secret?: Secret | null
}

/** A label of a host and a set: letters, digits and dashes. */
export const nameOf = (owner: Owner): string => machineName(owner).replaceAll('_', '-').toLowerCase()
export const labelsFor = (owner: Owner, createdAt: number): Record<string, string> => ({ ...labelsOf(owner, createdAt), 'app.kubernetes.io/name': 'berth-workspace', 'app.kubernetes.io/managed-by': 'berth' })
/** What chooses the pods of one machine. */
export const selectorOf = (owner: Owner): Record<string, string> => ({ [OWNER_LABEL.installation]: owner.installation, [OWNER_LABEL.workspace]: owner.workspaceId, [OWNER_LABEL.generation]: String(owner.generation) })
export const asQuery = (labels: Readonly<Record<string, string>>): string => Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(',')

/** By the name it is found, by the labels it is ours. */
export function ownerOf({ metadata }: Thing, owner: Owner): Owner | 'foreign' | 'ambiguous' {
  const its = ownerIn(metadata.labels)
  return typeof its === 'object' && !sameOwner(its, owner) ? 'foreign' : its
}

/** The cluster took its pod away at the time that was set, and makes none before there is a later one. */
export const hasExpired = ({ status }: Workload): boolean => status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'SandboxExpired') ?? false
export const isOn = (workload: Workload): boolean => (workload.spec.operatingMode === undefined ? workload.spec.replicas !== 0 : workload.spec.operatingMode !== 'Suspended' && !hasExpired(workload))
export const isGoing = (thing: Thing | null): boolean => thing?.metadata.deletionTimestamp !== undefined

export function observedOf({ claim, workload, pod, secret = null }: Found): Observed {
  if (claim === null && workload === null && pod === null) return { state: 'absent' }
  if (claim !== null && isGoing(claim)) return { state: 'deleting' }
  const wanted = workload !== null && !isGoing(workload) && isOn(workload)
  // With a boot file a start has begun, and a stop something to take away.
  if (pod === null) return wanted || secret !== null ? { state: 'creating' } : { state: 'stopped', exitCode: null, detail: whyEnded(workload) }
  // Its program may still write to the disk.
  if (!wanted || isGoing(pod)) return { state: wanted ? 'starting' : 'stopping' }
  return ofPod(pod)
}

const whyEnded = (workload: Workload | null): string | null => (workload !== null && hasExpired(workload) ? 'the cluster ended it: its server was away for too long' : null)

function ofPod({ status }: Pod): Observed {
  const { phase = 'Pending', containerStatuses: [container] = [], message, reason } = status ?? {}
  switch (phase) {
    case 'Pending': return { state: 'starting' }
    case 'Running': return ofContainer(container)
    case 'Succeeded': case 'Failed': return ended(container, message ?? reason ?? `its pod ended${exitOf(container)}`)
    default: return { state: 'unknown', raw: phase }
  }
}

function ofContainer(container: ContainerStatus | undefined): Observed {
  const { running, waiting, terminated } = container?.state ?? {}
  const why = waiting?.reason
  if (why !== undefined || terminated !== undefined) return ended(container, `its program ended${exitOf(container)}${why === undefined ? '' : ` (${why})`}`)
  return running === undefined ? { state: 'starting' } : { state: 'running', startedAt: Date.parse(running.startedAt ?? '') || null }
}

/** Its node starts it again and again, and keeps room for it: a stop takes that back. */
const ended = (container: ContainerStatus | undefined, detail: string): Observed => ({ state: 'stopped', exitCode: codeOf(container), detail, charged: true })

const codeOf = (container: ContainerStatus | undefined): number | null => container?.state?.terminated?.exitCode ?? container?.lastState?.terminated?.exitCode ?? null
export function exitOf(container: ContainerStatus | undefined): string {
  const code = codeOf(container)
  return code === null ? '' : ` with ${code}`
}

export function machineOf(owner: Machine['owner'], found: Found): Machine {
  const things = [found.claim, found.workload, found.pod].filter((thing) => thing !== null)
  const created = things.map(({ metadata }) => createdAtIn(metadata.labels) || Date.parse(metadata.creationTimestamp) || 0)
  return { ref: Object.fromEntries(things.slice(0, 1).map(({ metadata }) => ['name', metadata.name])), owner, observed: observedOf(found), createdAt: created.length === 0 ? 0 : Math.min(...created), isolation: things.length === 0 ? null : 'container' }
}
