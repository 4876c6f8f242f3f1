/**
 * The capability test on a computer of its own: QEMU, a Debian with its own kernel, real cloud-init. Where KVM runs no
 * guest each instruction is translated, so that this takes minutes.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { diskImage } from '@berth/sim-machine/disk-image'
import { capabilityOn } from '../capability-steps.ts'
import { setUpProviders } from '../providers.ts'
import { setUpVm } from './vm-ground.ts'

const image = await diskImage()
let vms = ''

capabilityOn({
  provider: 'vm', modelHost: '127.0.0.1', slowness: 4,
  setUp(home, model) {
    setUpProviders(home, model)
    vms = join(home, 'vms')
    setUpVm(home, image, [new URL(model.url).port])
  },
  inventory: async (workspaceId) => [...namesIn(join(vms, 'workspaces')).filter((name) => name === workspaceId), ...processesNaming(workspaceId)],
})

const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : [])

function processesNaming(workspaceId: string): string[] {
  const { stdout } = Bun.spawnSync(['pgrep', '--list-full', '--full', `qemu-system.*${workspaceId}`])
  return stdout.toString().split('\n').filter(Boolean)
}
