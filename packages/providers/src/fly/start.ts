/** What a Fly machine is made from: an image, and files that bring the disk, the agent's user and the daemon. It has no init of its own. */
import type { MachineSpec, Owner } from '@berth/core'
import { bringDaemon, daemonIn, linkAuthorization, makeAgent } from '../bring-daemon.ts'
import { AGENT, PLACES, PLACES_ON_DISK } from '../cloud-init/cloud-config.ts'
import { withoutServer } from '../cloud-init/kept-machine.ts'
import { remoteBoot } from '../remote-boot.ts'

export const DISK_PATH = '/mnt/berth'
const BOOT_PATH = '/etc/berth/boot.json'
const HEADER_PATH = '/etc/berth/authorization'
const START_PATH = '/etc/berth/start'
const LOOK_EVERY_S = 300

export interface MachineFile { readonly guest_path: string; readonly raw_value: string; readonly mode: number }

export function filesFor(owner: Owner, spec: MachineSpec, { endAfterMinutes }: { endAfterMinutes: number }): { files: readonly MachineFile[]; exec: readonly string[] } {
  const boot = remoteBoot(owner, spec, { isolation: 'vm', what: 'a machine at Fly' })
  const { hash } = spec.boot.toolbox
  const file = (guest_path: string, mode: number, content: string): MachineFile => ({ guest_path, mode, raw_value: Buffer.from(content).toString('base64') })
  const start = `#!/bin/sh
# Brings a workspace's disk and daemon. Each start is a new machine, with a boot token of its own.
set -eu
disk=${DISK_PATH}
${makeAgent({ ...AGENT, homeDir: PLACES.homeDir })}
${PLACES_ON_DISK}
rm -f ${PLACES.stateDir}/link-token.json
${bringDaemon({ toolboxDir: PLACES.toolboxDir, hash, linkUrl: boot.linkUrl, headerPath: HEADER_PATH })}
me=$$
(
  while sleep ${LOOK_EVERY_S}; do
    ${withoutServer({ linkUrl: boot.linkUrl, afterMinutes: endAfterMinutes, end: 'kill $me' }).replaceAll('\n', '\n    ')}
  done
) &
exec ${daemonIn(PLACES.toolboxDir, hash)} supervise --boot ${BOOT_PATH}
`
  return { files: [file(BOOT_PATH, 0o600, JSON.stringify(boot)), file(HEADER_PATH, 0o600, linkAuthorization(boot)), file(START_PATH, 0o755, start)], exec: ['/bin/sh', START_PATH] }
}
