/**
 * The capability test on a computer of its own: QEMU, a Debian with its own kernel, real cloud-init. Where KVM runs no
 * guest each instruction is translated, so that this takes minutes.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskImage } from '@berth/sim-machine/disk-image'
import { capabilityOn } from '../capability-steps.ts'
import { setUpProviders } from '../providers.ts'

const image = await diskImage()
let vms = ''

capabilityOn({
  provider: 'vm', modelHost: '127.0.0.1', slowness: 4,
  setUp(home, model) {
    setUpProviders(home, model)
    vms = join(home, 'vms')
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/vm.yaml'), `image: ${image.disk}\nkernel: ${image.kernel}\ninitrd: ${image.initrd}\ndiskGb: 8\nhostPorts: [${new URL(model.url).port}]\n`)
  },
  inventory: async (workspaceId) => [...namesIn(join(vms, 'workspaces')).filter((name) => name === workspaceId), ...processesNaming(workspaceId)],
})

const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : [])

function processesNaming(workspaceId: string): string[] {
  const { stdout } = Bun.spawnSync(['pgrep', '--list-full', '--full', `qemu-system.*${workspaceId}`])
  return stdout.toString().split('\n').filter(Boolean)
}
