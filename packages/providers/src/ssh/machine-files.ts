/**
 * What stands on the host for one machine beside its disk: a unit of systemd and the scripts that it runs as root, from
 * the host's network and files into namespaces of its own. `@uid@` and `@gid@` are filled in on the host, which gives them.
 *
 *   start   the network, the walls, then `keep` in new namespaces
 *   clear   what start made outside of them; may be repeated
 *   walls   what may leave the machine, by the word in `egress`; may be repeated while it runs
 *   keep    the unit's main process, which the host can signal; its one child is the machine's first process
 *   view    that first process, while it makes the machine's own view of files and gives its rights up
 *   init    the same process, from then on: brings the daemon, ends with it, and buries what others leave
 */
import type { BootFile } from '@berth/wire/daemon'
import { bringDaemon, daemonIn, linkAuthorization } from '../bring-daemon.ts'
import { PLACES } from '../cloud-init/cloud-config.ts'
import { accountFiles, DAEMON_BOUNDING, ETC, ROOT_ENTRIES } from '../machine-view.ts'
import { PRIVATE_V4 } from '../private-networks.ts'
import { quoted, unitMark, type Names } from './names.ts'

export interface MachineFilesOf {
  readonly names: Names
  readonly boot: BootFile
  readonly toolboxHash: string
  readonly limits: { readonly memoryBytes: number; readonly cpus: number; readonly pids: number }
  /** Private addresses that it may reach all the same: `a.b.c.d[/n][:port]`. */
  readonly allow: readonly string[]
  readonly egress: 'open' | 'closed'
}
export interface HostFile { /** Below the machine's place. */ readonly path: string; readonly mode: string; readonly content: string }

/** In the machine: the daemon's alone. */
const BOOT = '/berth'
const STOP_S = 30
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Benchmarks have it, the internet does not: two addresses for each of 65,536 users. */
const NETWORK = 'n=$((uid * 2)); host=198.$((18 + n / 65536)).$((n / 256 % 256)).$((n % 256)); peer=198.$((18 + (n + 1) / 65536)).$(((n + 1) / 256 % 256)).$(((n + 1) % 256))'

export function machineFiles(of: MachineFilesOf): HostFile[] {
  const { names, boot, egress } = of
  const accounts = accountFiles({ uid: '@uid@', gid: '@gid@', homeDir: PLACES.homeDir })
  const script = (path: string, content: string): HostFile => ({ path, mode: '700', content: `#!/bin/sh\n${content}` })
  return [
    { path: 'ids', mode: '600', content: 'uid=@uid@\ngid=@gid@\n' },
    { path: 'passwd', mode: '644', content: accounts.passwd }, { path: 'group', mode: '644', content: accounts.group },
    { path: 'egress', mode: '600', content: `${egress}\n` },
    { path: 'boot/boot.json', mode: '600', content: JSON.stringify({ ...boot, agentUser: { uid: '@uid@', gid: '@gid@', name: 'dev' } }) },
    { path: 'boot/authorization', mode: '600', content: linkAuthorization(boot) },
    script('boot/bring', `set -eu\numask 022\n${bringDaemon({ toolboxDir: PLACES.toolboxDir, hash: of.toolboxHash, linkUrl: boot.linkUrl, headerPath: `${BOOT}/authorization` })}\n`),
    script('boot/init', init(daemonIn(PLACES.toolboxDir, of.toolboxHash))),
    script('start', start(names)), script('clear', clear(names)), script('walls', walls(of)), script('keep', keep(names)), script('view', view(names)),
  ]
}

export function unitFile({ names, limits, boot }: MachineFilesOf): string {
  return [
    unitMark(names.key), '[Unit]', `Description=Berth workspace ${boot.workspaceId}`, 'Wants=network-online.target', 'After=network-online.target', '',
    '[Service]', 'Type=exec', `ExecStart=/bin/sh ${names.place}/start`, `ExecStopPost=/bin/sh ${names.place}/clear`,
    // Whoever wants it running starts it again, and learns why it ended.
    'Restart=no', 'KillMode=mixed', `TimeoutStopSec=${STOP_S}`, 'OOMPolicy=continue', 'UMask=0022',
    `MemoryMax=${limits.memoryBytes}`, `CPUQuota=${Math.max(1, Math.round(limits.cpus * 100))}%`, `TasksMax=${limits.pids}`, '',
    '[Install]', 'WantedBy=multi-user.target', '',
  ].join('\n')
}

function start({ place, namespace }: Names): string {
  return `set -eu
${PATH}
cd ${place}
. ./ids
/bin/sh ./clear
${NETWORK}
name_servers() { sed -n 's/^nameserver[[:space:]]\\{1,\\}\\([0-9.]\\{1,\\}\\).*/\\1/p' "$1" 2>/dev/null | grep -v '^127\\.' || :; }
# A resolver on the host's loopback is not the machine's: then those behind it, else public ones.
servers=$(name_servers /etc/resolv.conf)
[ -n "$servers" ] || servers=$(name_servers /run/systemd/resolve/resolv.conf)
[ -n "$servers" ] || servers='1.1.1.1 9.9.9.9'
for server in $servers; do echo "nameserver $server"; done > resolv.conf
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 > /proc/sys/net/ipv4/ip_forward
ip netns add ${namespace}
ip link add "bw$uid" type veth peer name eth0 netns ${namespace}
ip addr add "$host/31" dev "bw$uid"
ip -n ${namespace} addr add "$peer/31" dev eth0
ip -n ${namespace} link set lo up
/bin/sh ./walls
ip link set "bw$uid" up
ip -n ${namespace} link set eth0 up
ip -n ${namespace} route add default via "$host"
# Docker and others let nothing through that they do not know.
if command -v iptables >/dev/null && iptables -w 5 -S FORWARD 2>/dev/null | grep -qx -e '-P FORWARD DROP'; then
  iptables -w 5 -I FORWARD -i "bw$uid" -j ACCEPT
  iptables -w 5 -I FORWARD -o "bw$uid" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
fi
rm -rf disk/tmp boot/ending
mkdir -p root disk/tmp
chmod 1777 disk/tmp
exec nsenter --net=/run/netns/${namespace} unshare --mount --ipc --uts --cgroup --pid --propagation private -- /bin/sh ./keep
`
}

function clear({ place, namespace, table }: Names): string {
  return `${PATH}
. ${place}/ids
ip link del "bw$uid" 2>/dev/null
ip netns del ${namespace} 2>/dev/null
nft delete table inet ${table} 2>/dev/null
if command -v iptables >/dev/null; then
  while iptables -w 5 -D FORWARD -i "bw$uid" -j ACCEPT 2>/dev/null; do :; done
  while iptables -w 5 -D FORWARD -o "bw$uid" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT 2>/dev/null; do :; done
fi
exit 0
`
}

/** One table in one transaction: there is no moment without it. */
function walls({ names: { place, table }, boot, allow }: MachineFilesOf): string {
  const link = new URL(boot.linkUrl)
  const linkPort = link.port || (link.protocol === 'https:' ? '443' : '80')
  const allowed = allow.map((rule) => {
    const [address = '', port] = rule.split(':')
    return `echo 'ip daddr ${address} ${port === undefined ? '' : `tcp dport ${port} `}accept'`
  })
  return `set -eu
${PATH}
cd ${place}
. ./ids
${NETWORK}
mode=$(cat egress)
links=$(getent ahostsv4 ${quoted(link.hostname.replace(/^\[|\]$/g, ''))} | cut -d ' ' -f 1 | sort -u || :)
# Written in place: the machine has this very file.
{ cat /etc/hosts; [ "$mode" = open ] || for address in $links; do echo "$address ${link.hostname}"; done; } > hosts
chmod 644 hosts resolv.conf
rules() {
  for address in $links; do echo "ip daddr $address tcp dport ${linkPort} accept"; done
  [ "$mode" = open ] || return 0
  for address in $(sed -n 's/^nameserver //p' resolv.conf); do echo "ip daddr $address udp dport 53 accept"; echo "ip daddr $address tcp dport 53 accept"; done
  ${allowed.join('\n  ') || ':'}
}
{
  echo "table inet ${table}"
  echo "delete table inet ${table}"
  echo "table inet ${table} {"
  echo "chain known {"; rules; echo "}"
  echo "chain out { jump known"
  [ "$mode" = open ] || echo "reject with icmpx type admin-prohibited"
  echo "ip daddr { ${PRIVATE_V4.join(', ')} } reject with icmp type admin-prohibited; }"
  echo "chain forward { type filter hook forward priority -10; policy accept; iifname \\"bw$uid\\" jump out; oifname \\"bw$uid\\" ct state established,related accept; oifname \\"bw$uid\\" drop; }"
  # The host itself is not the machine's, whatever address it has.
  echo "chain host { jump known; reject with icmpx type admin-prohibited; }"
  echo "chain input { type filter hook input priority -10; policy accept; iifname \\"bw$uid\\" jump host; }"
  echo "chain output { type filter hook output priority -10; policy accept; oifname \\"bw$uid\\" ct state new drop; }"
  echo "chain postrouting { type nat hook postrouting priority 100; policy accept; ip saddr $peer oifname != \\"bw$uid\\" masquerade; }"
  echo "}"
} | nft -f -
`
}

/** Not in the namespace itself, so that a signal of the host reaches it; `wait` ends at each signal. */
const hold = (note: string): string => `child=
status=0
ending=
trap 'ending=1; ${note}[ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
hold() {
  "$@" &
  child=$!
  [ -z "$ending" ] || kill -TERM "$child"
  while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || break
  done
}
`

const keep = ({ place }: Names): string => `${hold(`: > ${place}/boot/ending; `)}hold /bin/sh ${place}/view\nexit "$status"\n`

const init = (daemon: string): string => `${hold('')}# Told before it could hear.
[ ! -e ${BOOT}/ending ] || exit 0
hold /bin/sh ${BOOT}/bring
[ -z "$ending" ] && [ "$status" = 0 ] || exit "$status"
hold ${daemon} supervise --boot ${BOOT}/boot.json
exit "$status"
`

/** What is not bound here does not exist in the machine. */
function view({ place, stem }: Names): string {
  const { workDir, homeDir, stateDir, toolboxDir } = PLACES
  return `set -eu
trap 'exit 0' TERM INT
${PATH}
umask 022
place=${place}
root=$place/root
mount -t tmpfs -o mode=755,size=64m,nosuid,nodev tmpfs "$root"
cd "$root"
bind() { mount -o "bind,nosuid,nodev,$3" "$1" "$2"; }
mkdir -p usr etc proc sys dev run var .old root .${workDir} .${homeDir} .${stateDir} .${toolboxDir} .${BOOT} tmp
ln -s ../tmp var/tmp
bind /usr usr ro
for entry in ${ROOT_ENTRIES.join(' ')}; do
  if [ -L "$entry" ]; then ln -s "$(readlink "$entry")" ".$entry"
  elif [ -d "$entry" ]; then mkdir ".$entry"; bind "$entry" ".$entry" ro; fi
done
set --
cd /etc
for name in ${ETC.join(' ')}; do [ ! -e "$name" ] || set -- "$@" "$name"; done
cp -a --parents "$@" "$root/etc"
cd "$root"
for name in passwd group hosts resolv.conf; do : > "etc/$name"; bind "$place/$name" "etc/$name" ro; done
mount -t tmpfs -o mode=755,size=1m,nosuid tmpfs dev
mkdir dev/pts dev/shm
for name in null zero full random urandom tty; do : > "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for pair in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/\${pair%%:*}" "dev/\${pair##*:}"; done
mount -t proc -o nosuid,nodev,noexec proc proc
echo ${stem.replaceAll('_', '-')} > proc/sys/kernel/hostname
echo 0 > proc/sys/net/ipv4/ip_unprivileged_port_start || :
for name in sys sysrq-trigger irq bus fs; do [ ! -e "proc/$name" ] || bind "proc/$name" "proc/$name" ro,noexec; done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o ro,nosuid,nodev,noexec cgroup2 sys/fs/cgroup 2>/dev/null || :
mount -t tmpfs -o mode=755,size=64m,nosuid,nodev tmpfs run
bind "$place/disk/tmp" tmp rw
bind "$place/disk/work" .${workDir} rw
bind "$place/disk/home" .${homeDir} rw
bind "$place/disk/state" .${stateDir} rw
bind "$place/toolbox" .${toolboxDir} rw
bind "$place/boot" .${BOOT} rw
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount -o remount,ro /
exec env -i ${PATH} LANG=C.UTF-8 HOME=/root setpriv --bounding-set=${DAEMON_BOUNDING} --inh-caps=-all --no-new-privs -- /bin/sh ${BOOT}/init
`
}
