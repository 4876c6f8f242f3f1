/** Instances that really run: containers with systemd and cloud-init, and their disks where Berth mounts them. */
import { createMachines, type Machines } from '@berth/sim-machine'
import type { Backend, Instance, Volume } from './model.ts'

export interface Containers extends Backend { readonly machines: Machines; close(): Promise<void> }

/** `mount`: where an empty disk is found in the machine, as if its image had formatted and mounted it. */
export function createContainers(prefix: string, mount: string): Containers {
  const machines = createMachines(prefix)
  const disksOf = (volumes: readonly Volume[]): Record<string, string> => Object.fromEntries(volumes.filter(({ snapshot }) => snapshot === '').map(({ id }) => [mount, id]))
  const create = (instance: Instance, volumes: readonly Volume[]): Promise<void> =>
    machines.create({ ...(made.has(instance.image.snapshot) ? { image: instance.image.snapshot } : {}), name: instance.id, hostname: `ip-${instance.id.slice(-8)}`, instanceId: instance.id, userData: instance.userData, volumes: disksOf(volumes) })
  /** Snapshots that are disks of ours. */
  const made = new Set<string>()
  /** Whose container goes because it is made anew. */
  const remade = new Set<string>()
  return {
    machines, create,
    start: ({ id }) => machines.start(id),
    stop: ({ id }) => machines.stop(id, false),
    remove: ({ id }) => machines.remove(id),
    // A container takes no disk while it runs. It has not done anything yet but wait for one.
    async attach(instance, volumes) {
      remade.add(instance.id)
      await machines.remove(instance.id)
      await create(instance, volumes)
      remade.delete(instance.id)
    },
    removeVolume: ({ id, snapshot }) => (snapshot === '' ? machines.removeVolume(id) : Promise.resolve()),
    setUserData: ({ id, userData }) => machines.setUserData(id, userData),
    console: async ({ id }) => (await machines.exec(id, ['journalctl', '--no-pager', '--lines', '200', '--output', 'short'])).stdout,
    async snapshot({ id }, { id: snapshot }) {
      await machines.snapshot(id, snapshot)
      made.add(snapshot)
    },
    removeSnapshot: ({ id }) => machines.removeSnapshot(id),
    onPoweredOff: (listener) => machines.onDown((name) => { if (!remade.has(name)) listener(name) }),
    close: () => machines.close(),
  }
}
