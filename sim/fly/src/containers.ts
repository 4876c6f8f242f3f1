/** Machines that really run: an image, the files of the configuration, its first program, and the volume at its path. */
import { createOciMachines, docker, type OciMachines } from '@berth/sim-machine'
import type { Backend, Machine } from './model.ts'
import type { FlyRegistry } from './registry.ts'

export interface Containers extends Backend {
  readonly machines: OciMachines
  /** Machines' images may be of here too. */
  readFrom(registry: Pick<FlyRegistry, 'inside'>): void
  close(): Promise<void>
}

export function createContainers(prefix: string): Containers {
  const machines = createOciMachines(prefix)
  let registry: Pick<FlyRegistry, 'inside'> | null = null
  const execOf = ({ config }: Machine): readonly string[] | undefined => config.init?.exec
  return {
    machines,
    readFrom(is) { registry = is },
    async imageProblem(image) {
      const inside = registry?.inside(image) ?? null
      if (inside !== null) await docker(['pull', '--quiet', inside], { mayFail: true })
      return machines.imageProblem(inside ?? image)
    },
    start(machine, volume) {
      const { id, name, config: { image, files = [], env = {}, mounts = [] } } = machine
      const exec = execOf(machine)
      return machines.start({
        name: id, hostname: name, image: registry?.inside(image) ?? image, env: { ...env, FLY_MACHINE_ID: id, FLY_APP_NAME: machine.app, FLY_REGION: machine.region }, ...(exec === undefined ? {} : { exec }),
        files: files.map(({ guest_path: path = '', mode = 0o644, raw_value: value = '' }) => ({ path, mode, content: Buffer.from(value, 'base64') })),
        volumes: Object.fromEntries(mounts.flatMap(({ path }) => (volume === null || path === undefined ? [] : [[path, volume.id]]))),
      })
    },
    stop: ({ id }, options) => machines.stop(id, options),
    remove: ({ id }) => machines.remove(id),
    removeVolume: ({ id }) => machines.removeVolume(id),
    onDown: (listener) => machines.onDown(listener),
    close: () => machines.close(),
  }
}
