/** How a machine that shares no disk with the server gets its daemon: over the link, by the boot token. */
import type { BootFile } from '@berth/wire/daemon'

export const daemonIn = (toolboxDir: string, hash: string): string => `${toolboxDir}/${hash}/berth-daemon`

/** A line of sh that may be repeated, for an image that has no such user. */
export const makeAgent = ({ name, uid, gid, homeDir }: { name: string; uid: number; gid: number; homeDir: string }): string =>
  `id ${name} > /dev/null 2>&1 || { groupadd --gid ${gid} ${name}; useradd --uid ${uid} --gid ${gid} --home-dir ${homeDir} --no-create-home --shell /bin/bash ${name}; }`

/** The header of the first request, as curl reads it from a file: a secret until the daemon has called home. */
export const linkAuthorization = ({ workspaceId, generation, bootToken }: Pick<BootFile, 'workspaceId' | 'generation' | 'bootToken'>): string => `authorization: Bearer ${workspaceId}.${generation}.${bootToken}\n`

/** Lines of sh that may be repeated. Agents' programs, which the daemon fetches itself, outlive a change of the toolbox. */
export function bringDaemon({ toolboxDir, hash, linkUrl, headerPath }: { toolboxDir: string; hash: string; linkUrl: string; headerPath: string }): string {
  const daemon = daemonIn(toolboxDir, hash)
  return `if [ ! -x ${daemon} ]; then
  mkdir -p ${toolboxDir}/${hash} ${toolboxDir}/agents
  ln -sfn ../agents ${toolboxDir}/${hash}/agents
  curl --fail --silent --show-error --location --compressed --retry 60 --retry-delay 2 --retry-all-errors --header @${headerPath} --output ${daemon}.new ${linkUrl}/toolbox/${hash}/berth-daemon
  chmod 755 ${daemon}.new
  mv ${daemon}.new ${daemon}
fi`
}
