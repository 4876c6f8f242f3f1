/** What stands in a cluster. Times in objects are RFC 3339; `now` of the world is ms. */
import type { PathFault, Wrong } from '@berth/sim-vendor'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export interface OwnerReference { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string; readonly controller?: boolean; readonly blockOwnerDeletion?: boolean }
export interface Meta {
  name: string
  namespace?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
}
export interface Thing { apiVersion: string; kind: string; metadata: Meta; spec?: unknown; status?: unknown; data?: unknown; [more: string]: unknown }

export interface Mount { readonly name: string; readonly mountPath: string; readonly subPath?: string; readonly readOnly?: boolean }
export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[]
  readonly envFrom?: readonly unknown[]
  readonly workingDir?: string
  readonly ports?: readonly { readonly hostPort?: number }[]
  readonly volumeMounts?: readonly Mount[]
  readonly resources?: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> }
  readonly securityContext?: SecurityContext
}
export interface SecurityContext {
  readonly runAsNonRoot?: boolean
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly fsGroup?: number
  readonly fsGroupChangePolicy?: string
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] }
  readonly seccompProfile?: { readonly type: string }
  readonly procMount?: string
}
export interface Volume {
  readonly name: string
  readonly persistentVolumeClaim?: { readonly claimName: string }
  readonly secret?: { readonly secretName?: string; readonly defaultMode?: number; readonly optional?: boolean; readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[] }
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit?: string }
  readonly [other: string]: unknown
}
export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
  readonly securityContext?: SecurityContext
  readonly restartPolicy?: string
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly hostname?: string
  readonly shareProcessNamespace?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly automountServiceAccountToken?: boolean
  readonly serviceAccountName?: string
  nodeName?: string
}
export interface ContainerState { readonly waiting?: { readonly reason: string; readonly message?: string }; readonly running?: { readonly startedAt: string }; readonly terminated?: { readonly exitCode: number; readonly reason: string; readonly finishedAt: string } }
export interface ContainerStatus { readonly name: string; readonly image: string; readonly imageID: string; readonly ready: boolean; readonly restartCount: number; readonly started: boolean; readonly state: ContainerState; readonly lastState?: ContainerState }
export interface Condition { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string; readonly lastTransitionTime: string; readonly observedGeneration?: number }
export interface PodStatus { phase: string; conditions?: Condition[]; containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[]; podIP?: string; podIPs?: { ip: string }[]; startTime?: string; message?: string; reason?: string }
export interface Pod extends Thing { spec: PodSpec; status: PodStatus }
export interface Template { readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> }; readonly spec: PodSpec }
export interface ClaimTemplate { readonly metadata?: { readonly name?: string; readonly labels?: Record<string, string> }; readonly spec: { readonly resources?: { readonly requests?: Record<string, string> } } }
export interface StatefulSet extends Thing { spec: { readonly replicas?: number; readonly selector: { readonly matchLabels?: Record<string, string> }; readonly template: Template; readonly volumeClaimTemplates?: readonly ClaimTemplate[] } }
export interface Sandbox extends Thing { spec: { readonly operatingMode?: 'Running' | 'Suspended'; readonly podTemplate: Template; readonly volumeClaimTemplates?: readonly ClaimTemplate[]; readonly shutdownTime?: string; readonly shutdownPolicy?: 'Delete' | 'Retain' } }

/** A request that is refused as an API server refuses it. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string
  readonly details: Record<string, Json> | null
  readonly headers: Record<string, string>
  constructor(status: number, reason: string, message: string, { details = null, headers = {} }: { details?: Record<string, Json> | null; headers?: Record<string, string> } = {}) {
    super(message)
    this.status = status
    this.reason = reason
    this.details = details
    this.headers = headers
  }
}

export type Fault = PathFault<Wrong<{ readonly reason: string; readonly message?: string }>>
