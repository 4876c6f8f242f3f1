/** What stands in an account, in one region. Times are ms by the world's clock. */
import type { Fault as ScriptedFault, Wrong } from '@berth/sim-vendor'

export type Tags = Readonly<Record<string, string>>
export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'
export interface InstanceType { readonly name: string; readonly vcpus: number; readonly memoryMib: number; readonly architecture: 'x86_64' | 'arm64'; /** USD. */ readonly hourly: number; readonly burstable: boolean }
export interface Image { readonly id: string; readonly name: string; readonly owner: string; readonly architecture: 'x86_64' | 'arm64'; readonly createdAt: number; readonly rootGb: number; /** Of its disk. */ readonly snapshot: string }
/** An image of this account: it has a state, tags and a snapshot that is paid for. */
export interface OwnImage extends Image { tags: Tags; state: 'pending' | 'available' }
/** By what it takes. */
export interface Snapshot { readonly id: string; readonly volume: string; readonly sizeGb: number; readonly takesGb: number; readonly encrypted: boolean; readonly description: string; readonly createdAt: number; tags: Tags; state: 'pending' | 'completed' }
export interface Subnet { readonly id: string; readonly vpc: string; readonly zone: string; readonly publicIp: boolean }
export interface Instance {
  readonly id: string
  readonly type: InstanceType
  readonly image: Image
  readonly subnet: Subnet
  userData: string
  readonly createdAt: number
  launchedAt: number
  readonly clientToken: string
  readonly groups: readonly string[]
  readonly onShutdown: 'stop' | 'terminate'
  readonly metadata: { readonly tokens: 'optional' | 'required'; readonly hops: number }
  readonly networkInterface: string
  tags: Tags
  state: InstanceState
  reason: string
  terminatedAt: number | null
}
export interface Volume {
  readonly id: string
  readonly sizeGb: number
  readonly zone: string
  readonly createdAt: number
  readonly encrypted: boolean
  /** Of the image it began with; '': it began empty. */
  readonly snapshot: string
  tags: Tags
  state: 'creating' | 'available' | 'in-use' | 'deleting'
  attached: { readonly instance: string; readonly device: string; readonly at: number; deleteOnTermination: boolean } | null
}
export interface NetworkInterface { readonly id: string; readonly subnet: Subnet; readonly privateIp: string; readonly createdAt: number; tags: Tags; instance: string | null; publicIp: string | null; readonly groups: readonly string[] }
export interface SecurityGroup { readonly id: string; readonly name: string; readonly description: string; readonly vpc: string; readonly createdAt: number; tags: Tags }

/** A request that is refused as the vendor refuses it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** Means requests whose action matches. */
export interface Fault extends ScriptedFault<Wrong<{ readonly code: string }>> { readonly action: RegExp }

/** Where machines really run; a world without one only keeps books. */
export interface Backend {
  create(instance: Instance, volumes: readonly Volume[]): Promise<void>
  start(instance: Instance): Promise<void>
  stop(instance: Instance): Promise<void>
  remove(instance: Instance): Promise<void>
  attach(instance: Instance, volumes: readonly Volume[]): Promise<void>
  removeVolume(volume: Volume): Promise<void>
  /** What it reads at its next boot. */
  setUserData(instance: Instance): Promise<void>
  console(instance: Instance): Promise<string>
  /** A copy of its root, for others to begin with. */
  snapshot(instance: Instance, snapshot: Snapshot): Promise<void>
  removeSnapshot(snapshot: Snapshot): Promise<void>
  /** The machine went down by itself. */
  onPoweredOff(listener: (id: string) => void): void
}
