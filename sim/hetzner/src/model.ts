/** What stands in a Hetzner project. Times are ms by the world's clock. */
import type { PathFault, Wrong } from '@berth/sim-vendor'

export interface Server {
  readonly id: number
  readonly name: string
  readonly type: ServerType
  readonly location: string
  readonly image: Image
  readonly userData: string
  readonly createdAt: number
  readonly volumes: number[]
  readonly firewalls: readonly number[]
  readonly primaryIps: readonly number[]
  labels: Record<string, string>
  status: 'initializing' | 'starting' | 'running' | 'stopping' | 'off' | 'deleting' | 'unknown'
  /** An action on it goes on: others are refused. */
  locked: boolean
}
export interface Volume { readonly id: number; readonly name: string; readonly size: number; readonly location: string; readonly createdAt: number; readonly format: string | null; labels: Record<string, string>; server: number | null; status: 'creating' | 'available' }
export interface PrimaryIp { readonly id: number; readonly name: string; readonly ip: string; readonly type: 'ipv4' | 'ipv6'; readonly createdAt: number; readonly location: string; autoDelete: boolean; labels: Record<string, string>; server: number | null }
export interface Firewall { readonly id: number; readonly name: string; readonly createdAt: number; readonly rules: readonly Record<string, unknown>[]; labels: Record<string, string> }
export interface ServerType { readonly id: number; readonly name: string; readonly cores: number; readonly memory: number; readonly disk: number; readonly architecture: 'x86' | 'arm'; readonly cpuType: 'shared' | 'dedicated'; /** Net, EUR, by location. */ readonly prices: Readonly<Record<string, { hourly: string; monthly: string }>>; readonly deprecated?: boolean }
export interface Image { readonly id: number; readonly name: string; readonly flavor: 'debian' | 'ubuntu'; readonly version: string; readonly architecture: 'x86' | 'arm' }
/** Made from a server's disk; the vendor gives it no name. */
export interface Snapshot extends Image { readonly createdAt: number; readonly from: { readonly id: number; readonly name: string }; readonly diskGb: number; description: string; labels: Record<string, string>; status: 'creating' | 'available' }
export interface Action {
  readonly id: number
  readonly command: string
  readonly startedAt: number
  readonly resources: readonly { id: number; type: string }[]
  readonly dueAt: number
  finishedAt: number | null
  error: { code: string; message: string } | null
}

/** A request that is refused as the vendor refuses it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly details: Record<string, unknown> | null
  constructor(status: number, code: string, message: string, details: Record<string, unknown> | null = null) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

export type Fault = PathFault<Wrong<{ readonly code: string }>>

/** Where machines really run; a world without one only keeps books. */
export interface Backend {
  create(server: Server, volumes: readonly Volume[]): Promise<void>
  start(server: Server): Promise<void>
  /** `hard`: without asking the machine. */
  stop(server: Server, hard: boolean): Promise<void>
  remove(server: Server): Promise<void>
  removeVolume(volume: Volume): Promise<void>
  /** Absent: a copy of a disk is one in the books. */
  snapshot?(server: Server, snapshot: Snapshot): Promise<void>
  removeSnapshot?(snapshot: Snapshot): Promise<void>
  /** The machine went down by itself. */
  onPoweredOff(listener: (id: number) => void): void
}
