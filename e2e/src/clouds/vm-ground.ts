/** A home whose computers begin with a Debian that boots its own kernel. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskImage } from '@berth/sim-machine/disk-image'

/** `hostPorts`: of this host's loopback, that computers may reach. */
export function setUpVm(home: string, { disk, kernel, initrd }: DiskImage, hostPorts: readonly string[] = []): void {
  mkdirSync(join(home, 'providers'), { recursive: true })
  writeFileSync(join(home, 'providers/vm.yaml'), `image: ${disk}\nkernel: ${kernel}\ninitrd: ${initrd}\ndiskGb: 8\nhostPorts: [${hostPorts.join(', ')}]\n`)
}
