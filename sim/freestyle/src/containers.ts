/** Machines that really run: containers with systemd, which are paused with their memory and keep their disk. */
import { createMachines, type Machines } from '@berth/sim-machine'
import type { Backend, Vm } from './model.ts'

export interface Containers extends Backend { readonly machines: Machines; close(): Promise<void> }

export function createContainers(prefix: string): Containers {
  const machines = createMachines(prefix)
  /** Snapshots that are disks of ours. Their memory is not played: what is made of one boots. */
  const made = new Set<string>()
  return {
    machines,
    create: ({ id, slug, snapshot }: Vm) => machines.create({ ...(made.has(snapshot) ? { image: snapshot } : {}), name: id, hostname: slug ?? id, instanceId: id, userData: '#cloud-config\n{}\n', volumes: {} }),
    boot: ({ id }) => machines.start(id),
    resume: ({ id }) => machines.resume(id),
    pause: ({ id }) => machines.pause(id),
    remove: ({ id }) => machines.remove(id),
    async exec({ id }, { command, stdin, linuxUser }) {
      const asUser = linuxUser === null || linuxUser === 'root' ? [] : ['runuser', '-u', linuxUser, '--']
      const { exitCode, stdout } = await machines.exec(id, [...asUser, 'sh', '-c', `${command} 2>&1`], { stdin: new Blob([stdin]) })
      return { stdout, stderr: '', statusCode: exitCode }
    },
    async snapshot({ id }, { id: snapshot }) {
      await machines.snapshot(id, snapshot)
      made.add(snapshot)
    },
    removeSnapshot: ({ id }) => machines.removeSnapshot(id),
    onDown: (listener) => machines.onDown(listener),
    close: () => machines.close(),
  }
}
