/** What runs in a VM once it is up: the files of the start, and the units that run it at each boot. All of it by one script on the standard input of one command, because what stands in a command is seen by others. */
import { createHash } from 'node:crypto'
import type { MachineSpec, Owner } from '@berth/core'
import { daemonUnit, UNIT } from '../cloud-init/cloud-config.ts'
import { deadMan } from '../cloud-init/kept-machine.ts'
import { START_PATH, startOf } from '../machine-start.ts'
import { remoteBoot } from '../remote-boot.ts'

/** The vendor's images have a user of 1000. */
const AGENT_USER = { uid: 2000, gid: 2000, name: 'dev' } as const

/** Of sh. A secret; may be repeated. */
export function beginScript(owner: Owner, spec: MachineSpec, { endAfterMinutes }: { endAfterMinutes: number }): string {
  const boot = remoteBoot(owner, spec, { isolation: 'vm', what: 'a machine at Freestyle', agentUser: AGENT_USER })
  const end = deadMan({ linkUrl: boot.linkUrl, afterMinutes: endAfterMinutes })
  const files = [
    ...startOf(boot, spec.boot.toolbox.hash).files.map(({ path, mode, content }) => ({ path, permissions: mode.toString(8).padStart(4, '0'), content })),
    { path: `/etc/systemd/system/${UNIT}`, permissions: '0644', content: daemonUnit(START_PATH) },
    ...end.files,
  ]
  const puts = files.map(({ path, permissions, content }) => `put ${permissions} ${path} <<'END'\n${Buffer.from(content).toString('base64')}\nEND`)
  return `set -eu
umask 077
put() { mkdir -p -m 755 "\${2%/*}"; base64 -d > "$2.new"; chmod "$1" "$2.new"; mv "$2.new" "$2"; }
${puts.join('\n')}
systemctl daemon-reload
systemctl enable --quiet ${UNIT} ${end.units.join(' ')}
systemctl restart --no-block ${UNIT}
systemctl start --no-block ${end.units.join(' ')}
`
}

/** In place of the token, which it names. */
export const beginMark = ({ boot }: Pick<MachineSpec, 'boot'>): string => createHash('sha256').update(boot.bootToken).digest('hex').slice(0, 16)
