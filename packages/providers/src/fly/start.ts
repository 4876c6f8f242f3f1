/** What a Fly machine is made from: an image, and files that bring the disk, the agent's user and the daemon. It has no init of its own. */
import type { MachineSpec, Owner } from '@berth/core'
import { bringDaemon, daemonIn, linkAuthorization, makeAgent } from '../bring-daemon.ts'
import { AGENT, PLACES, PLACES_ON_DISK } from '../cloud-init/cloud-config.ts'
import { withoutServer } from '../cloud-init/kept-machine.ts'
import { remoteBoot } from '../remote-boot.ts'
import { tellBoot } from '../tell-boot.ts'

export const DISK_PATH = '/mnt/berth'
const BOOT_PATH = '/etc/berth/boot.json'
const HEADER_PATH = '/etc/berth/authorization'
const START_PATH = '/etc/berth/start'
const TELL_PATH = '/etc/berth/tell-boot'
/** What was said before the daemon; it is on the machine's console too. */
const SAID_PATH = '/run/berth-said'
const LOOK_EVERY_S = 300

export interface MachineFile { readonly guest_path: string; readonly raw_value: string; readonly mode: number }

/** `told`: the same, to be read by people. Holds the boot token. */
export function filesFor(owner: Owner, spec: MachineSpec, { endAfterMinutes }: { endAfterMinutes: number }): { files: readonly MachineFile[]; exec: readonly string[]; told: string } {
  const boot = remoteBoot(owner, spec, { isolation: 'vm', what: 'a machine at Fly' })
  const { hash } = spec.boot.toolbox
  const start = `#!/bin/sh
# Brings a workspace's disk and daemon. Each start is a new machine, with a boot token of its own.
set -eu
rm -f ${SAID_PATH} ${SAID_PATH}.way
mkfifo -m 600 ${SAID_PATH}.way
tee ${SAID_PATH} < ${SAID_PATH}.way &
exec 3>&1 4>&2 > ${SAID_PATH}.way 2>&1
${TELL_PATH} > /dev/null 2>&1 3>&- 4>&- &
# The machine ends with this script; and when the daemon has called home nobody is let in with this token.
last_words() { timeout 3 ${TELL_PATH} 1 > /dev/null 2>&1 || true; }
trap last_words EXIT
disk=${DISK_PATH}
echo "the disk: $(df -h --output=size,avail "$disk" | tail -n 1 | xargs) free"
${makeAgent({ ...AGENT, homeDir: PLACES.homeDir })}
${PLACES_ON_DISK}
rm -f ${PLACES.stateDir}/link-token.json
echo 'bringing the daemon'
${bringDaemon({ toolboxDir: PLACES.toolboxDir, hash, linkUrl: boot.linkUrl, headerPath: HEADER_PATH })}
echo 'the daemon starts'
last_words
me=$$
(
  while sleep ${LOOK_EVERY_S}; do
    ${withoutServer({ linkUrl: boot.linkUrl, afterMinutes: endAfterMinutes, end: 'kill $me' }).replaceAll('\n', '\n    ')}
  done
) >&3 2>&4 3>&- 4>&- &
exec ${daemonIn(PLACES.toolboxDir, hash)} supervise --boot ${BOOT_PATH} >&3 2>&4 3>&- 4>&-
`
  const contents: readonly (readonly [path: string, mode: number, content: string])[] = [
    [BOOT_PATH, 0o600, JSON.stringify(boot)], [HEADER_PATH, 0o600, linkAuthorization(boot)], [START_PATH, 0o755, start],
    [TELL_PATH, 0o755, tellBoot({ linkUrl: boot.linkUrl, headerPath: HEADER_PATH, sources: [`cat ${SAID_PATH}`] })],
  ]
  return {
    files: contents.map(([guest_path, mode, content]) => ({ guest_path, mode, raw_value: Buffer.from(content).toString('base64') })),
    exec: ['/bin/sh', START_PATH],
    told: contents.map(([path, , content]) => `${path}:\n${content}`).join('\n'),
  }
}
