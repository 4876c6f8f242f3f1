/** What each operation of /v5 takes, does and gives. */
import type { ListAs } from '@berth/sim-vendor'
import type { z } from 'zod'
import { ChangeVm, Exec, ExecEnded, ListSnapshots, ListVms, NewSnapshot, NewVm, Nothing, ResizeVm, Snapshot as SnapshotGiven, SnapshotMade, Snapshots, Vm as VmGiven, VmMade, Vms } from './described.ts'
import type { Snapshot, Vm, VmState } from './model.ts'
import { ranSeconds, type World } from './world.ts'

export interface Call<Taken> { readonly world: World; readonly path: string; readonly taken: Taken; readonly list: ListAs }
export interface Operation { readonly method: string; readonly pattern: RegExp; readonly takes: z.ZodType; readonly gives: z.ZodType | null; /** The caller has parsed what is taken by `takes`. */ run(call: Call<unknown>): unknown }

const iso = (ms: number): string => new Date(ms).toISOString()
const PAGE = 100

function shapeOf(vm: Vm, now: number): VmGiven {
  const { id, state, slug, displayName, resources, snapshot, limits, keptByPlan, automaticRestart, metadata, createdAt, updatedAt } = vm
  return { id, state, slug, displayName, resources, snapshotId: `sh-${snapshot.replace('/', '-')}`, sourceSnapshotSlugAtCreate: snapshot, sourceSnapshotSlug: snapshot, ...limits, autoDeleteFromPlan: keptByPlan, totalRunSeconds: ranSeconds(vm, now), automaticRestart, metadata: { ...metadata }, vpcs: [], networks: [], createdAt: iso(createdAt), updatedAt: iso(updatedAt) }
}
function madeOf(vm: Vm, now: number): VmMade {
  const at = iso(vm.createdAt)
  const self = { vmId: vm.id }
  const names = (end: Vm['rules'][number]['source']): boolean => Object.keys(end).some((key) => key !== 'port' && key !== 'protocol')
  const firewallRules = vm.rules.map(({ action, source, destination, description }, index) => ({ id: `fw-${vm.id}-${index}`, action, source: names(source) ? source : { ...source, ...self }, destination: names(destination) ? destination : { ...destination, ...self }, description: description ?? null, dependencies: [{ kind: 'vm', id: vm.id }], createdAt: at, updatedAt: at }))
  return { ...shapeOf(vm, now), firewallRules, tlsRules: [] }
}

function listed({ world, taken, list }: Call<ListVms>): Vms {
  const { state, slug, snapshotId, metadata, limit = PAGE, offset = 0 } = taken
  const wanted = (metadata ?? '').split(',').filter(Boolean).map((pair) => pair.split(':') as [string, string])
  const all = [...world.vms.values()].slice(0, list === 'stale' ? -1 : undefined)
    .filter((vm) => (state === undefined || vm.state === state) && (slug === undefined || vm.slug === slug) && (snapshotId === undefined || vm.snapshot === snapshotId) && wanted.every(([key, value]) => vm.metadata[key] === value))
  const count = (of: VmState): number => all.filter((vm) => vm.state === of).length
  const from = list === 'repeated' ? 0 : offset
  return { vms: all.slice(from, from + limit).map((vm) => shapeOf(vm, world.now())), totalCount: all.length, runningCount: count('running'), startingCount: count('starting'), pausingCount: count('pausing'), pausedCount: count('paused'), stoppedCount: count('stopped') }
}

const snapshotShape = ({ id, sourceVm, slug, displayName, createdAt, lastUsedAt }: Snapshot): SnapshotGiven => ({
  id, sourceVmId: sourceVm, slug, displayName, accountId: 'acc-one', public: false, autoDeleteSeconds: null, autoDeleteFromPlan: false, ttlSeconds: null, lastUsedAt: lastUsedAt === null ? null : iso(lastUsedAt), createdAt: iso(createdAt), updatedAt: iso(createdAt),
})

function listedSnapshots({ world, taken: { sourceVmId, limit = PAGE, offset = 0 }, list }: Call<ListSnapshots>): Snapshots {
  const all = [...world.snapshots.values()].slice(0, list === 'stale' ? -1 : undefined).filter(({ sourceVm }) => sourceVmId === undefined || sourceVm === sourceVmId)
  const from = list === 'repeated' ? 0 : offset
  return { snapshots: all.slice(from, from + limit).map(snapshotShape), totalCount: all.length }
}

/** Ties what an operation takes to what runs. */
function operation<S extends z.ZodType>(method: string, path: string, { takes, gives, run }: { takes: S; gives: z.ZodType | null; run(call: Call<z.infer<S>>): unknown }): Operation {
  // Parsed by `takes` before it runs.
  return { method, pattern: new RegExp(`^/v5/${path.replace(':id', '([^/]+)')}$`), takes, gives, run: (call) => run(call as Call<z.infer<S>>) }
}
/** An act on a machine, which is answered as it stands then. */
const act = <S extends z.ZodType>(method: string, path: string, takes: S, run: (world: World, vm: Vm, taken: z.infer<S>) => void): Operation => operation(method, path, {
  takes, gives: VmGiven,
  run({ world, path: id, taken }) {
    const vm = world.find(id)
    run(world, vm, taken)
    return shapeOf(vm, world.now())
  },
})

export const OPERATIONS: readonly Operation[] = [
  operation('POST', 'vms', { takes: NewVm, gives: VmMade, run: ({ world, taken }) => madeOf(world.create(taken), world.now()) }),
  operation('GET', 'vms', { takes: ListVms, gives: Vms, run: listed }),
  act('GET', 'vms/:id', Nothing, () => {}),
  act('PATCH', 'vms/:id', ChangeVm, (world, vm, taken) => world.update(vm, taken)),
  act('POST', 'vms/:id/start', Nothing, (world, vm) => world.start(vm)),
  act('POST', 'vms/:id/pause', Nothing, (world, vm) => world.pause(vm)),
  act('POST', 'vms/:id/resize', ResizeVm, (world, vm, taken) => world.resize(vm, taken)),
  operation('DELETE', 'vms/:id', {
    takes: Nothing, gives: null,
    run({ world, path }) {
      world.remove(world.find(path))
      return null
    },
  }),
  operation('POST', 'vms/:id/snapshot', {
    takes: NewSnapshot, gives: SnapshotMade,
    async run({ world, path, taken }) {
      const made = await world.snapshot(world.find(path), taken)
      return { snapshotId: made.id, sourceVmId: made.sourceVm, snapshot: snapshotShape(made) }
    },
  }),
  operation('GET', 'snapshots', { takes: ListSnapshots, gives: Snapshots, run: listedSnapshots }),
  operation('GET', 'snapshots/:id', { takes: Nothing, gives: SnapshotGiven, run: ({ world, path }) => snapshotShape(world.findSnapshot(path)) }),
  operation('DELETE', 'snapshots/:id', {
    takes: Nothing, gives: null,
    run({ world, path }) {
      world.removeSnapshot(world.findSnapshot(path))
      return null
    },
  }),
  operation('POST', 'vms/:id/exec-await', {
    takes: Exec, gives: ExecEnded,
    run: ({ world, path, taken: { command, linuxUser = null, stdin = '' } }) => world.exec(world.find(path), { command, linuxUser, stdin: Buffer.from(stdin, 'base64').toString('utf8') }),
  }),
]
