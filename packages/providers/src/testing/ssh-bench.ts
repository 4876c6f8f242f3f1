/** What the tests of this provider share: a real host with sshd, and a stand-in daemon that it fetches over a link. */
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { MachineSpec, Owner } from '@berth/core'
import { startSshHost, type SshHost } from '@berth/sim-machine/ssh-host'
import { createSshProvider, type SshProviderOptions } from '../ssh/index.ts'
import { namesOf } from '../ssh/names.ts'

export interface SshBench {
  readonly host: SshHost
  readonly spec: MachineSpec
  /** A server at a private address that machines may reach. */
  readonly beside: string
  provider(installation: string, change?: Partial<SshProviderOptions>): ReturnType<typeof createSshProvider>
  /** As root, or as the agent's user, in the machine's namespaces. */
  inside(owner: Owner, argv: readonly string[], as?: 'agent' | 'daemon'): Promise<{ exitCode: number; stdout: string }>
  /** All on the host that is of these, by what it is: users, units, files, networks, rules, processes. */
  ledger(of?: string): Promise<string[]>
  close(): Promise<void>
}

const MIB = 1024 ** 2
/** Ends when it is told to, as the daemon does. */
const DAEMON = '#!/bin/sh\ntrap "echo ended; exit 0" TERM\necho "up $*"\nwhile :; do sleep 1000 & wait $!; done\n'

export async function openSshBench(name: string): Promise<SshBench> {
  const host = await startSshHost(`${name}-${process.pid}`)
  // It has no address while nothing is plugged in.
  const bridge = networkInterfaces()['docker0']?.find(({ family }) => family === 'IPv4')?.address ?? ''
  const link = Bun.serve({ hostname: bridge, port: 0, fetch: ({ url, headers }) => (/\/toolbox\/[0-9a-f]+\/berth-daemon$/.test(url) && headers.get('authorization')?.startsWith('Bearer ws_') ? new Response(DAEMON) : new Response('no', { status: 404 })) })
  const beside = Bun.serve({ hostname: bridge, port: 0, fetch: () => new Response('beside') })
  const hash = randomBytes(8).toString('hex')
  return {
    host, beside: `http://${bridge}:${beside.port}`,
    spec: {
      image: null, memoryBytes: 256 * MIB, cpus: 1, pids: 200,
      boot: { bootToken: `boot-token-${randomBytes(8).toString('hex')}`, link: { unixSocket: null, loopbackUrl: null, publicUrl: `http://${bridge}:${link.port}` }, toolbox: { hostDir: '/nonexistent', hash } },
    },
    provider: (installation, change = {}) => createSshProvider({ installation, log: () => {}, host: `root@${host.address}`, identityFile: host.identityFile, knownHostsFile: host.knownHostsFile, egressAllow: [`${bridge}:${beside.port}`], ...change }),
    async inside(owner, argv, as = 'agent') {
      const { unit, user } = namesOf(owner)
      const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
      const drop = as === 'agent' ? `setpriv --reuid $(id -u ${user}) --regid $(id -g ${user}) --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs` : ''
      // The first process is there at once, its view a moment later.
      return host.look(`for try in $(seq 100); do p=$(pgrep -P "$(systemctl show -p MainPID --value ${unit})" | head -n 1); [ -n "$p" ] && [ -e "/proc/$p/root/berth/boot.json" ] && [ ! -e "/proc/$p/root/.old" ] && break; sleep 0.05; done
exec nsenter -t "$p" -m -u -i -n -p -C ${drop} env -i HOME=/home/dev PATH=/usr/local/bin:/usr/bin:/bin ${words}`)
    },
    async ledger(of = '') {
      const { stdout } = await host.look(`getent passwd | grep ':berth ' | sed 's/^/user /'; getent group | grep '^berth-' | sed 's/^/group /'; ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep '^berth-' | sed 's/^/unit /'
systemctl list-units --all --no-legend 'berth-*' | sed 's/^/loaded /'; find /var/lib/berth 2>/dev/null | sed 's/^/file /'; ls /run/netns 2>/dev/null | sed 's/^/network /'; ip -o link | grep ': bw' | sed 's/^/interface /'; nft list ruleset | grep berth | sed 's/^/rule /'
for p in /proc/[0-9]*; do u=$(stat -c %u $p 2>/dev/null); [ -z "$u" ] || [ "$u" -lt 900 ] || [ "$u" -ge 1000 ] || echo "process $p $u"; done`)
      return stdout.split('\n').filter((line) => line !== '' && line.includes(of))
    },
    async close() {
      await host.close()
      await link.stop(true)
      await beside.stop(true)
    },
  }
}
