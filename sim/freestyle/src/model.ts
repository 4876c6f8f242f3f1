/** What stands in an account. Times are ms by the world's clock. */
import type { PathFault, Wrong } from '@berth/sim-vendor'
import type { ExecEnded, NewVm } from './described.ts'

export type VmState = 'starting' | 'running' | 'pausing' | 'paused' | 'stopped'
export interface Resources { readonly cpu: number; readonly memory: number; readonly storage: number }
/** Limits of time, as the vendor counts them. Null: none. */
export interface Limits { readonly idleTimeoutSeconds: number | null; readonly autoDeleteSeconds: number | null; readonly ttlSeconds: number | null; readonly maxRunSeconds: number | null; readonly maxRunTotalSeconds: number | null }
export interface Vm {
  readonly id: string; readonly createdAt: number; readonly snapshot: string; readonly rules: NewVm['firewall']['rules']
  state: VmState; slug: string | null; displayName: string | null; resources: Resources; metadata: Readonly<Record<string, string>>; limits: Limits; keptByPlan: boolean; automaticRestart: boolean
  updatedAt: number
  /** Since when it has been as it is. */
  since: number
  /** That ran in it since it booted. */
  commands: string[]
  /** Before the run that goes on. */
  ranMs: number
}
/** Of a machine as it stood, memory and disk. */
export interface Snapshot { readonly id: string; readonly sourceVm: string; readonly resources: Resources; readonly slug: string | null; readonly displayName: string | null; readonly createdAt: number; lastUsedAt: number | null }
export interface Command { readonly command: string; readonly stdin: string; readonly linuxUser: string | null }

/** A request that is refused as the vendor refuses it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}
export type Fault = PathFault<Wrong>

/** Where machines really run; a world without one only keeps books. */
export interface Backend {
  create(vm: Vm): Promise<void>
  boot(vm: Vm): Promise<void>
  resume(vm: Vm): Promise<void>
  pause(vm: Vm): Promise<void>
  remove(vm: Vm): Promise<void>
  exec(vm: Vm, command: Command): Promise<ExecEnded>
  snapshot(vm: Vm, snapshot: Snapshot): Promise<void>
  removeSnapshot(snapshot: Snapshot): Promise<void>
  /** It switched itself off. */
  onDown(listener: (id: string) => void): void
}
