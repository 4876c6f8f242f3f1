/**
 * How a machine that keeps its own disk begins, where files can be put into it and something runs as root: three files,
 * and what to run. All of it may be repeated; each start may bring a boot token of its own.
 */
import { createHash } from 'node:crypto'
import type { BootFile } from '@berth/wire/daemon'
import { bringDaemon, daemonIn, linkAuthorization, makeAgent } from './bring-daemon.ts'
import { AGENT, PLACES } from './cloud-init/cloud-config.ts'

/** `content`: of the first two a secret, until the daemon has called home. */
export interface StartFile { readonly path: string; readonly mode: number; readonly content: string }
export interface MachineStart { readonly files: readonly StartFile[]; /** Runs for as long as the machine does, as root. */ readonly argv: readonly string[] }

const BOOT_PATH = '/etc/berth/boot.json'
const HEADER_PATH = '/etc/berth/authorization'
export const START_PATH = '/etc/berth/start'

export function startOf(boot: BootFile, toolboxHash: string): MachineStart {
  const { name, uid, gid } = boot.agentUser ?? AGENT
  const { workDir, homeDir, stateDir, runDir, toolboxDir } = PLACES
  const mark = createHash('sha256').update(boot.bootToken).digest('hex').slice(0, 16)
  const start = `#!/bin/sh
# Brings a workspace's user, directories and daemon.
set -eu
${makeAgent({ name, uid, gid, homeDir })}
mkdir -p ${workDir} ${homeDir} ${stateDir} ${runDir}
chmod 700 ${stateDir}
[ -e ${stateDir}/.ours ] || { chown ${uid}:${gid} ${workDir} ${homeDir}; touch ${stateDir}/.ours; }
# A boot token that it did not come with before makes it call home as it did first.
[ "$(cat ${stateDir}/booted-with 2>/dev/null)" = ${mark} ] || { rm -f ${stateDir}/link-token.json; echo ${mark} > ${stateDir}/booted-with; }
${bringDaemon({ toolboxDir, hash: toolboxHash, linkUrl: boot.linkUrl, headerPath: HEADER_PATH })}
exec ${daemonIn(toolboxDir, toolboxHash)} supervise --boot ${BOOT_PATH}
`
  return {
    files: [{ path: BOOT_PATH, mode: 0o600, content: JSON.stringify(boot) }, { path: HEADER_PATH, mode: 0o600, content: linkAuthorization(boot) }, { path: START_PATH, mode: 0o755, content: start }],
    argv: ['/bin/sh', START_PATH],
  }
}
