/** For machines that keep their own disk over a stop: a boot token of their own each time, and an end of their own. */
import { createHash } from 'node:crypto'
import type { BootFile } from '@berth/wire/daemon'

const BOOTED_WITH = '/etc/berth/booted-with'
const ENDS_PATH = '/usr/local/sbin/berth-ends'
const ENDS = 'berth-ends'
const LOOK_EVERY_MINUTES = 5

/**
 * Each boot reads the instructions anew; what they write is written once in a machine's life, but for this: where they
 * came with another boot token. The token of the boot before is used up by then.
 */
export function renewal({ bootToken }: Pick<BootFile, 'bootToken'>): readonly (readonly string[])[] {
  const mark = createHash('sha256').update(bootToken).digest('hex').slice(0, 16)
  return [['sh', '-c', `[ "$(cat ${BOOTED_WITH} 2>/dev/null)" = ${mark} ] || { rm -f /etc/berth/enrols; cloud-init single --name write_files --frequency always && echo ${mark} > ${BOOTED_WITH}; }`]]
}

/**
 * Once in the life of a machine whose disk is a copy of another's, before anything else of ours runs: what that one was told and
 * what was its workspace's goes, also from below the file system.
 */
export function forgetting(diskMount: string): readonly (readonly string[])[] {
  const forget = `rm -rf ${diskMount} /etc/berth; find /var/lib/cloud/instances -mindepth 1 -maxdepth 1 ! -path "$(readlink -f /var/lib/cloud/instance)" -exec rm -rf {} +; fstrim / || true`
  return [['cloud-init-per', 'instance', 'berth-forget', 'sh', '-c', forget]]
}

/** Lines of sh, run now and then: what happens when no server answered for so long. Any answer counts: who answers is there. */
export function withoutServer({ linkUrl, afterMinutes, end }: { linkUrl: string; afterMinutes: number; end: string }): string {
  return `seen=/run/berth-server-seen
[ -e $seen ] || touch $seen
curl --silent --max-time 20 --output /dev/null ${linkUrl}/ && touch $seen
[ -z "$(find $seen -mmin +${afterMinutes})" ] || ${end}`
}

/** Switches the machine off when its server did not answer for so long. */
export function deadMan({ linkUrl, afterMinutes }: { linkUrl: string; afterMinutes: number }): { files: readonly { path: string; permissions: string; content: string }[]; units: readonly string[] } {
  return {
    files: [
      { path: ENDS_PATH, permissions: '0755', content: `#!/bin/sh
# Nobody pays for a machine whose server is gone.
${withoutServer({ linkUrl, afterMinutes, end: 'systemctl poweroff' })}
` },
      { path: `/etc/systemd/system/${ENDS}.service`, permissions: '0644', content: `[Unit]\nDescription=End of a machine without a server\n\n[Service]\nType=oneshot\nExecStart=${ENDS_PATH}\n` },
      { path: `/etc/systemd/system/${ENDS}.timer`, permissions: '0644', content: `[Unit]\nDescription=Looks whether the server is there\n\n[Timer]\nOnBootSec=1min\nOnUnitActiveSec=${LOOK_EVERY_MINUTES}min\n\n[Install]\nWantedBy=timers.target\n` },
    ],
    units: [`${ENDS}.timer`],
  }
}
