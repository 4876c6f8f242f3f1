/** The state of one organization, and what a test may make happen in it. Nothing here speaks HTTP. */
import { createLedger, createTransitions, type Ledger, type Transitions } from '@berth/sim-vendor'
import { Refusal, type App, type Backend, type Fault, type Guest, type Machine, type MachineConfig, type Token, type Volume } from './model.ts'
import { costOf, hourlyOf, volumeHourly, type Charged } from './tariff.ts'

export interface WorldOptions {
  /** Where machines really run. Absent: nowhere. */
  readonly backend?: Backend
  /** ms since the epoch; the host's clock by default. */
  readonly now?: () => number
  /** How long a start, a stop or a deletion takes. */
  readonly transitionMs?: number
}
interface State { readonly backend: Backend | undefined; readonly apps: Map<string, App>; readonly machines: Map<string, Machine>; readonly volumes: Map<string, Volume>; readonly written: Map<string, string>; readonly ledger: Ledger<Charged>; readonly transitions: Transitions; hasRoom: (wanted: { region: string; memoryMb: number }) => boolean; now(): number; nextId(): string }

export const REGIONS = ['ams', 'fra', 'iad', 'sjc'] as const
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const VOLUME_NAME = /^[a-z0-9_]{1,30}$/
const VOLUME_GB = { least: 1, most: 500 }
const MEMORY_MB: Readonly<Record<string, { least: number; most: number }>> = { shared: { least: 256, most: 2048 }, performance: { least: 2048, most: 8192 } }
const CPUS: Readonly<Record<string, readonly number[]>> = { shared: [1, 2, 4, 8], performance: [1, 2, 4, 8, 16] }

export function createWorld({ backend, now: clock = Date.now, transitionMs = 0 }: WorldOptions) {
  let last = 0
  let offsetMs = 0
  const now = (): number => clock() + offsetMs
  const state: State = { backend, apps: new Map(), machines: new Map(), volumes: new Map(), written: new Map(), ledger: createLedger(now, costOf), transitions: createTransitions({ now, durationMs: transitionMs }), hasRoom: () => true, now, nextId: () => (last += 1).toString(16).padStart(14, '0') }
  const machineOps = machineActs(state)
  backend?.onDown((id) => {
    const machine = state.machines.get(id)
    if (machine !== undefined && ['created', 'starting', 'started'].includes(machine.state)) machineOps.exited(machine)
  })
  return {
    apps: state.apps, machines: state.machines, volumes: state.volumes, ledger: state.ledger, now,
    /** Volumes that a machine came up with, by their app. */
    written: state.written as ReadonlyMap<string, string>,
    /** What the host of machines could not do: a fault of the test's ground. */
    failed: state.transitions.failed,
    imageProblem: async (image: string): Promise<string | null> => (await backend?.imageProblem(image)) ?? null,
    asked: [] as string[], faults: [] as Fault[], tokens: new Map<string, Token>(),
    advance(ms: number) { offsetMs += ms },
    /** Transitions never end, or do again. */
    stick: (is: boolean) => state.transitions.stick(is),
    limitCapacity(to: State['hasRoom']) { state.hasRoom = to },
    settle: () => state.transitions.settle(),
    ...appActs(state), ...machineOps, ...volumeActs(state),
  }
}
export type World = ReturnType<typeof createWorld>

/** `work`: what really happens; it has ended before its time counts as over. */
const later = (state: State, after: () => void, work?: (backend: Backend) => Promise<void>): void => state.transitions.go(state.backend && work && (() => work(state.backend as Backend)), after)

function appActs(state: State) {
  const { apps, machines, volumes } = state
  return {
    createApp({ name, org, network }: Pick<App, 'name' | 'org' | 'network'>): App {
      if (!NAME.test(name)) throw new Refusal(422, `Validation failed: Name may only contain lower-case letters, digits and dashes`)
      // Of everybody's apps.
      if (apps.has(name)) throw new Refusal(422, 'Validation failed: Name has already been taken')
      const app: App = { id: state.nextId(), name, org, network, createdAt: state.now() }
      apps.set(name, app)
      return app
    },
    /** With all that is in it. */
    deleteApp(app: App): void {
      const its = <T extends { readonly app: string }>(all: Iterable<T>): T[] => [...all].filter((each) => each.app === app.name)
      const [theMachines, theVolumes] = [its(machines.values()), its(volumes.values())]
      for (const machine of theMachines) forgetMachine(state, machine)
      for (const volume of theVolumes) forgetVolume(state, volume)
      apps.delete(app.name)
      later(state, () => {}, async (backend) => {
        await Promise.all(theMachines.map((machine) => backend.remove(machine)))
        await Promise.all(theVolumes.map((volume) => backend.removeVolume(volume)))
      })
    },
  }
}

function machineActs(state: State) {
  const { machines, volumes, ledger } = state
  const charge = (machine: Machine): void => ledger.open({ kind: 'machine', id: machine.id, app: machine.app, hourly: hourlyOf(machine.config.guest ?? {}) })
  const boot = (machine: Machine): void => {
    machine.updatedAt = state.now()
    const volume = [...volumes.values()].find(({ machine: id }) => id === machine.id) ?? null
    later(state, () => {
      if (machine.state !== 'created' && machine.state !== 'starting') return
      machine.state = 'started'
      if (volume !== null) state.written.set(volume.id, machine.app)
    }, (backend) => backend.start(machine, volume))
  }
  const down = (machine: Machine): void => {
    ledger.close('machine', machine.id)
    Object.assign(machine, { state: 'stopped', updatedAt: state.now() })
  }
  return {
    createMachine({ app, name, region, config }: { app: App; name: string; region: string; config: MachineConfig }): Machine {
      if ([...machines.values()].some((each) => each.app === app.name && each.name === name)) throw new Refusal(409, `already_exists: unique machine name violation, machine ID ${state.nextId()} already exists with name "${name}"`)
      const mounted = mountable(state, { app, region, config })
      checkGuest(config)
      if (!state.hasRoom({ region, memoryMb: config.guest?.memory_mb ?? 256 })) throw new Refusal(412, 'insufficient resources available to fulfill request: could not reserve resource for machine', 'insufficient_capacity')
      const machine: Machine = { id: state.nextId(), app: app.name, name, region, config, createdAt: state.now(), updatedAt: state.now(), state: 'created', hostStatus: 'ok' }
      machines.set(machine.id, machine)
      for (const volume of mounted) volume.machine = machine.id
      charge(machine)
      boot(machine)
      return machine
    },
    startMachine(machine: Machine): void {
      if (machine.state === 'started' || machine.state === 'starting') return
      if (machine.state !== 'stopped') throw new Refusal(412, `failed_precondition: unable to start machine from current state: '${machine.state}'`)
      machine.state = 'starting'
      charge(machine)
      boot(machine)
    },
    /** `signal`: first; after the time it is ended. */
    stopMachine(machine: Machine, { signal = 'SIGINT', withinMs = 5000 }: { signal?: string; withinMs?: number } = {}): void {
      if (machine.state === 'stopped' || machine.state === 'stopping') return
      if (machine.state !== 'started') throw new Refusal(412, `failed_precondition: unable to stop machine from current state: '${machine.state}'`)
      machine.state = 'stopping'
      later(state, () => { if (machine.state === 'stopping') down(machine) }, (backend) => backend.stop(machine, { signal, withinMs }))
    },
    /** Its first process ended. */
    exited: (machine: Machine) => down(machine),
    deleteMachine(machine: Machine, force: boolean): void {
      if (machine.state === 'destroying') return
      if (!force && machine.state !== 'stopped') throw new Refusal(412, `failed_precondition: unable to destroy machine, not currently stopped`)
      machine.state = 'destroying'
      ledger.close('machine', machine.id)
      later(state, () => forgetMachine(state, machine), (backend) => backend.remove(machine))
    },
    volumeOf: (machine: Machine): Volume | undefined => [...volumes.values()].find((volume) => volume.machine === machine.id),
  }
}

function mountable({ volumes }: State, { app, region, config }: { app: App; region: string; config: MachineConfig }): Volume[] {
  if ((config.mounts ?? []).length > 1) throw new Refusal(400, 'invalid_argument: a machine takes one mount')
  return (config.mounts ?? []).map(({ volume: id, path }) => {
    const volume = volumes.get(id ?? '')
    if (volume?.app !== app.name || path === undefined) throw new Refusal(400, `invalid_argument: volume ${id ?? ''} does not exist`)
    if (volume.region !== region) throw new Refusal(400, `invalid_argument: volume ${volume.id} is in ${volume.region}`)
    if (volume.machine !== null) throw new Refusal(412, `failed_precondition: volume ${volume.id} is attached to another machine`)
    return volume
  })
}

function checkGuest({ guest = {} }: MachineConfig): void {
  const { cpu_kind: kind = 'shared', cpus = 1, memory_mb: memory = 256 } = guest
  const limits = MEMORY_MB[kind]
  if (limits === undefined || CPUS[kind]?.includes(cpus) !== true) throw new Refusal(400, `invalid_argument: invalid number of CPUs ${cpus} for ${kind}`)
  if (memory % 256 !== 0 || memory < cpus * limits.least || memory > cpus * limits.most) throw new Refusal(400, `invalid_argument: invalid memory size ${memory}MB for ${cpus} ${kind} CPUs`)
}

function forgetMachine(state: State, machine: Machine): void {
  state.machines.delete(machine.id)
  state.ledger.close('machine', machine.id)
  for (const volume of state.volumes.values()) if (volume.machine === machine.id) volume.machine = null
}
function forgetVolume(state: State, volume: Volume): void {
  state.volumes.delete(volume.id)
  state.ledger.close('volume', volume.id)
}

function volumeActs(state: State) {
  return {
    /** `compute`: of the machine that is to mount it. */
    createVolume({ app, name, region, sizeGb, compute }: { app: App; name: string; region: string; sizeGb: number; compute?: Guest }): Volume {
      if (!VOLUME_NAME.test(name)) throw new Refusal(422, 'invalid_argument: a volume name is of lower-case letters, digits and underscores, at most 30')
      if (sizeGb < VOLUME_GB.least || sizeGb > VOLUME_GB.most) throw new Refusal(400, `invalid_argument: volume size must be between ${VOLUME_GB.least} and ${VOLUME_GB.most} GB`)
      if (compute !== undefined && !state.hasRoom({ region, memoryMb: compute.memory_mb ?? 256 })) throw new Refusal(422, 'insufficient resources to create volume for such a machine', 'insufficient_capacity')
      const volume: Volume = { id: `vol_${state.nextId()}`, app: app.name, name, region, sizeGb, createdAt: state.now(), machine: null, state: 'created' }
      state.volumes.set(volume.id, volume)
      state.ledger.open({ kind: 'volume', id: volume.id, app: app.name, hourly: volumeHourly(sizeGb) })
      return volume
    },
    deleteVolume(volume: Volume): Volume {
      if (volume.machine !== null) throw new Refusal(412, `failed_precondition: volume ${volume.id} is attached to machine ${volume.machine}`)
      volume.state = 'pending_destroy'
      state.ledger.close('volume', volume.id)
      later(state, () => forgetVolume(state, volume), (backend) => backend.removeVolume(volume))
      return volume
    },
  }
}
