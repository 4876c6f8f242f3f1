/** Servers that really run: containers with systemd and cloud-init, their volumes where the vendor mounts them. */
import { createMachines } from '@berth/sim-machine'
import type { Machines } from '@berth/sim-machine'
import type { Backend, Image } from './model.ts'

export interface Containers extends Backend { readonly machines: Machines; readonly nameOf: (server: { id: number }) => string; close(): Promise<void> }

/** Where `automount` of the vendor's images puts a volume. */
const mountOf = (id: number): string => `/mnt/HC_Volume_${id}`

export function createContainers(prefix: string): Containers {
  const machines = createMachines(prefix)
  const nameOf = ({ id }: { id: number }): string => `server-${id}`
  const volumeOf = ({ id }: { id: number }): string => `volume-${id}`
  const imageOf = (image: Pick<Image, 'id'>): string => `snapshot-${image.id}`
  return {
    machines, nameOf,
    create: (server, volumes) => machines.create({ name: nameOf(server), hostname: server.name, instanceId: String(server.id), userData: server.userData, ...('from' in server.image ? { image: imageOf(server.image) } : {}), volumes: Object.fromEntries(volumes.map((volume) => [mountOf(volume.id), volumeOf(volume)])) }),
    start: (server) => machines.start(nameOf(server)),
    stop: (server, hard) => machines.stop(nameOf(server), hard),
    remove: (server) => machines.remove(nameOf(server)),
    removeVolume: (volume) => machines.removeVolume(volumeOf(volume)),
    snapshot: (server, snapshot) => machines.snapshot(nameOf(server), imageOf(snapshot)),
    removeSnapshot: (snapshot) => machines.removeSnapshot(imageOf(snapshot)),
    onPoweredOff: (listener) => machines.onDown((name) => listener(Number(name.slice('server-'.length)))),
    close: () => machines.close(),
  }
}
