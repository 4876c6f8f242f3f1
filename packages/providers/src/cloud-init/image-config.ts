/**
 * What a machine does that an image is made of: it fetches the daemon and agents' programs, takes away what belongs to it
 * alone, and switches itself off. One that could not stays on, and nothing is made of it.
 */
import { ProviderFault, type ImageWanted } from '@berth/core'
import { bringDaemon, daemonIn } from '../bring-daemon.ts'
import { PLACES, userData, writtenFile } from './cloud-config.ts'

const HEADER_PATH = '/etc/berth/authorization'
const MAKE_PATH = '/usr/local/sbin/berth-make-image'
const UNIT = 'berth-image.service'

export function imageConfig({ toolbox: { hash }, programs, link: { publicUrl, token } }: ImageWanted, { limitBytes }: { limitBytes: number }): string {
  if (publicUrl === null) throw new ProviderFault('invalid', 'a machine that an image is made of cannot reach this server', { hint: 'set linkUrl in config.yaml to an address of this server that it can reach' })
  const script = `#!/bin/sh
set -eu
${bringPrograms({ hash, programs, linkUrl: publicUrl.replace(/\/$/, ''), headerPath: HEADER_PATH })}
# Nothing of this machine goes into others: its instructions, its keys, its name, what it said.
rm -rf /etc/berth /etc/ssh/ssh_host_* /var/lib/systemd/random-seed
cloud-init clean --logs
find /var/log -type f -exec truncate --size 0 {} +
: > /etc/machine-id
rm -f ${MAKE_PATH} /etc/systemd/system/${UNIT}
sync
systemctl poweroff
`
  // Begun when cloud-init is over, which would write its own state again.
  const unit = ['[Unit]', 'Description=Berth image', 'Wants=network-online.target', 'After=network-online.target cloud-final.service', '', '[Service]', 'Type=oneshot', `ExecStart=${MAKE_PATH}`, ''].join('\n')
  return userData({
    ssh_pwauth: false, disable_root: true,
    write_files: [writtenFile(HEADER_PATH, '0600', `authorization: Bearer ${token}\n`), writtenFile(MAKE_PATH, '0700', script), writtenFile(`/etc/systemd/system/${UNIT}`, '0644', unit)],
    runcmd: [['sh', '-c', 'systemctl disable --now ssh.service ssh.socket sshd.service 2>/dev/null; true'], ['systemctl', 'daemon-reload'], ['systemctl', 'start', '--no-block', UNIT]],
  }, limitBytes)
}

/** Lines of sh that may be repeated. */
export function bringPrograms({ hash, programs, linkUrl, headerPath }: { hash: string; programs: readonly string[]; linkUrl: string; headerPath: string }): string {
  const agents = `${PLACES.toolboxDir}/agents`
  const fetchProgram = (name: string): string => `if [ ! -e ${agents}/${name} ]; then
  rm -rf ${agents}/.new
  mkdir -p ${agents}/.new
  curl --fail --silent --show-error --location --retry 60 --retry-delay 2 --retry-all-errors --header @${headerPath} --output ${agents}/.packed ${linkUrl}/toolbox/programs/${name}
  ${daemonIn(PLACES.toolboxDir, hash)} extract ${agents}/.new < ${agents}/.packed
  mv ${agents}/.new/${name} ${agents}/${name}
  rm -rf ${agents}/.new ${agents}/.packed
fi`
  return [bringDaemon({ toolboxDir: PLACES.toolboxDir, hash, linkUrl, headerPath }), ...programs.map(fetchProgram)].join('\n')
}
