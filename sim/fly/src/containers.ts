/** Machines that really run: an image, the files of the configuration, its first program, and the volume at its path. */
import { createOciMachines, type OciMachines } from '@berth/sim-machine'
import type { Backend, Machine } from './model.ts'

export interface Containers extends Backend { readonly machines: OciMachines; close(): Promise<void> }

export function createContainers(prefix: string): Containers {
  const machines = createOciMachines(prefix)
  const execOf = ({ config }: Machine): readonly string[] | undefined => config.init?.exec
  return {
    machines,
    imageProblem: (image) => machines.imageProblem(image),
    start(machine, volume) {
      const { id, name, config: { image, files = [], env = {}, mounts = [] } } = machine
      const exec = execOf(machine)
      return machines.start({
        name: id, hostname: name, image, env: { ...env, FLY_MACHINE_ID: id, FLY_APP_NAME: machine.app, FLY_REGION: machine.region }, ...(exec === undefined ? {} : { exec }),
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
