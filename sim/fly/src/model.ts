/** What stands in an organization. Times are ms by the world's clock. */
import type { PathFault, Wrong } from '@berth/sim-vendor'

export interface App { readonly id: string; readonly name: string; readonly org: string; readonly network: string; readonly createdAt: number }
export type MachineState = 'created' | 'starting' | 'started' | 'stopping' | 'stopped' | 'destroying'
export interface Guest { readonly cpu_kind?: string; readonly cpus?: number; readonly memory_mb?: number }
export interface MachineConfig { readonly image: string; readonly guest?: Guest; readonly metadata?: Readonly<Record<string, string>>; readonly mounts?: readonly { readonly volume?: string; readonly path?: string }[]; readonly files?: readonly { readonly guest_path?: string; readonly raw_value?: string; readonly mode?: number }[]; readonly env?: Readonly<Record<string, string>>; readonly init?: { readonly exec?: readonly string[] }; readonly [key: string]: unknown }
export interface Machine { readonly id: string; readonly app: string; readonly name: string; readonly region: string; readonly createdAt: number; readonly config: MachineConfig; updatedAt: number; state: MachineState; hostStatus: 'ok' | 'unknown' | 'unreachable' }
export interface Volume { readonly id: string; readonly app: string; readonly name: string; readonly region: string; readonly sizeGb: number; readonly createdAt: number; machine: string | null; state: 'created' | 'pending_destroy' }
export interface Token { readonly org: string; /** Of a person, with all a person's rights. */ readonly user?: string; readonly readOnly?: boolean }

/** A request that is refused as the vendor refuses it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: 'unknown' | 'insufficient_capacity' | null
  constructor(status: number, message: string, code: Refusal['code'] = null) {
    super(message)
    this.status = status
    this.code = code
  }
}

export type Fault = PathFault<
  | Wrong
  /** A region did not answer: lists of the organization have nothing of it, and say so. */
  | { readonly kind: 'region away'; readonly region: string }
  /** A list from a copy that has lost what it had longest. */
  | { readonly kind: 'oldest hidden' }
>

/** Where machines really run; a world without one only keeps books. */
export interface Backend {
  /** Null: the image can be had. */
  imageProblem(image: string): Promise<string | null>
  /** Anew from its image, with its files: nothing but the volume outlives a stop. */
  start(machine: Machine, volume: Volume | null): Promise<void>
  stop(machine: Machine, options: { signal: string; withinMs: number }): Promise<void>
  remove(machine: Machine): Promise<void>
  removeVolume(volume: Volume): Promise<void>
  /** Its first program ended. */
  onDown(listener: (machine: string) => void): void
}
