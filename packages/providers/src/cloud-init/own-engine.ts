/**
 * A Docker engine in a machine with a kernel of its own: Debian's, which an image may have already, for the agent's user. Who
 * may use it is root in that machine.
 */
import type { BootFile } from '@berth/wire/daemon'

const BRING_PATH = '/usr/local/sbin/berth-docker'
export const ENGINE_UNIT = 'berth-docker.service'
/** Packages of a mirror that is slow, on a machine that is. */
const BROUGHT_WITHIN_S = 1200

/** What is asked by itself, without a shell of the agent's: the engine when it fetches images, and the package manager. */
const proxiesOf = ({ env }: Pick<BootFile, 'env'>): string[] => Object.entries(env ?? {}).filter(([name]) => /^(?:https?|no)_proxy$/i.test(name)).map(([name, value]) => `Environment=${name}=${value}`)

/** Files, and what the daemon's unit waits for. The daemon comes up without an engine too, and its boot log says why. */
export function ownEngine(boot: Pick<BootFile, 'env'>, gid: number): readonly { path: string; permissions: string; content: string }[] {
  return [
    { path: BRING_PATH, permissions: '0755', content: `#!/bin/sh
# Brings the agent's Docker engine. Runs at every boot; each line may be repeated.
set -eu
# A kernel with AppArmor runs no container without its parser, which is only recommended.
{ command -v dockerd && command -v apparmor_parser; } > /dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends docker.io apparmor; }
systemctl daemon-reload
systemctl enable --now docker.socket docker.service
` },
    { path: `/etc/systemd/system/${ENGINE_UNIT}`, permissions: '0644', content: ['[Unit]', 'Description=Docker engine of a workspace', 'Wants=network-online.target', 'After=network-online.target', '', '[Service]', 'Type=oneshot', 'RemainAfterExit=yes', `TimeoutStartSec=${BROUGHT_WITHIN_S}`, ...proxiesOf(boot), `ExecStart=${BRING_PATH}`, '', '[Install]', 'WantedBy=multi-user.target', ''].join('\n') },
    // What the daemon runs for the agent has the agent's own group and no other.
    { path: '/etc/systemd/system/docker.socket.d/berth.conf', permissions: '0644', content: `[Socket]\nSocketGroup=${gid}\n` },
    { path: '/etc/systemd/system/docker.service.d/berth.conf', permissions: '0644', content: ['[Service]', ...proxiesOf(boot), ''].join('\n') },
  ]
}
