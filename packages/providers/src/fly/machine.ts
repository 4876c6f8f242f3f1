/**
 * What stands at the vendor for one machine: an app, with one volume, and a Fly machine while it runs. The app's name,
 * which nobody else can have, finds it; its private network, which is named for the installation, proves whose it is.
 */
import type { Machine, MachineRef, Observed, Owner } from '@berth/core'
import { installationShown, machineName } from '../owner-labels.ts'

export interface App { readonly id: string; readonly name: string; readonly network?: string; readonly volume_count?: number }
export interface FlyMachine { readonly id: string; readonly state: string; readonly created_at: string; readonly config?: { readonly mounts?: readonly { readonly volume?: string }[] } }
export interface Volume { readonly id: string; readonly state: string; readonly region: string; readonly created_at: string; readonly attached_machine_id?: string }
export interface Found { readonly app: App | null; readonly machines: readonly FlyMachine[]; readonly volumes: readonly Volume[] }

const SECOND = 1000
const NAME = /^berth-([a-z0-9]+)-ws-([a-z0-9]+)-g(\d{1,9})$/
const NETWORK = /^berth-([a-z0-9]{16,64})-([a-z0-9]{1,9})$/
/** Names of what goes, and is not paid for. */
const GOING = new Set(['pending_destroy', 'destroying', 'destroyed', 'scheduling_destroy'])

export const appNameOf = (owner: Owner): string => machineName(owner).replaceAll('_', '-').toLowerCase()
export const networkOf = ({ installation }: Owner, now: number): string => `berth-${installation}-${Math.floor(now / SECOND).toString(36)}`

/** `foreign`: not of Berth at all. `ambiguous`: its name and its network do not belong together. */
export function ownerOf({ name, network }: App): Owner | 'foreign' | 'ambiguous' {
  const [, shown = '', workspace = '', generation = ''] = NAME.exec(name) ?? []
  const installation = NETWORK.exec(network ?? '')?.[1]
  if (workspace === '' || installation === undefined) return workspace === '' && installation === undefined ? 'foreign' : 'ambiguous'
  return installationShown(installation).toLowerCase() === shown ? { installation, workspaceId: `ws_${workspace}`, generation: Number(generation) } : 'ambiguous'
}
const createdAtOf = ({ network }: App): number => Number.parseInt(NETWORK.exec(network ?? '')?.[2] ?? '', 36) * SECOND || 0

export const byAge = <T extends { readonly created_at: string; readonly id: string }>(all: readonly T[]): T[] => [...all].sort((a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id))
export const standing = <T extends { readonly state: string }>(all: readonly T[]): T[] => all.filter(({ state }) => !GOING.has(state))
export const isGoing = ({ state }: { readonly state: string }): boolean => GOING.has(state)

/**
 * The app counts more volumes than the list has: one of them may be the disk with the work, so nothing is bought and none is
 * chosen. Those that go are in both.
 */
export const hidesVolumes = ({ app, volumes }: Pick<Found, 'app' | 'volumes'>): boolean => volumes.length < (app?.volume_count ?? 0)

/**
 * What a machine has mounted; without one the oldest. A second one can only come of a purchase whose answer was lost, or of a
 * list that lagged, before anything was written.
 */
export function diskOf({ machines, volumes }: Pick<Found, 'machines' | 'volumes'>): Volume | null {
  const all = byAge(standing(volumes))
  const mounted = new Set(machines.flatMap(({ config }) => config?.mounts ?? []).map(({ volume }) => volume))
  return all.find(({ id, attached_machine_id: machine = '' }) => machine !== '' || mounted.has(id)) ?? all[0] ?? null
}
/** Paid for, and never written to. */
export function surplusOf(found: Pick<Found, 'machines' | 'volumes'>): Volume[] {
  const disk = diskOf(found)
  return standing(found.volumes).filter(({ id }) => id !== disk?.id)
}

export function observedOf({ app, machines }: Found): Observed {
  if (app === null) return { state: 'absent' }
  const [machine] = byAge(machines)
  if (machine === undefined) return { state: 'stopped', exitCode: null, detail: null }
  return STATES[isGoing(machine) ? 'stopping' : machine.state]?.(machine) ?? { state: 'unknown', raw: machine.state }
}

/** What is stopped is paid for a little, and everything in it but the volume is lost. */
const ended = ({ state }: FlyMachine): Observed => ({ state: 'stopped', exitCode: null, detail: `its machine is ${state.replace('_', ' ')}`, charged: true })
const starting = (): Observed => ({ state: 'starting' })
const stopping = (): Observed => ({ state: 'stopping' })
const STATES: Readonly<Record<string, (machine: FlyMachine) => Observed>> = {
  created: () => ({ state: 'creating' }), starting, restarting: starting, replacing: starting, updating: starting, started: (machine) => ({ state: 'running', startedAt: Date.parse(machine.created_at) || null }),
  stopping, suspending: stopping, stopped: ended, suspended: ended, failed: ended, launch_failed: ended,
}

function refOf({ app, machines, volumes }: Found): MachineRef {
  return { ...(app === null ? {} : { app: app.name }), ...(machines[0] === undefined ? {} : { machine: machines[0].id }), ...(volumes[0] === undefined ? {} : { volume: volumes[0].id }) }
}

export function machineOf(owner: Machine['owner'], found: Found): Machine {
  const sorted: Found = { app: found.app, machines: byAge(found.machines), volumes: byAge(standing(found.volumes)) }
  return { ref: refOf(sorted), owner, observed: observedOf(sorted), createdAt: found.app === null ? 0 : createdAtOf(found.app), isolation: found.machines.length === 0 ? null : 'vm' }
}
