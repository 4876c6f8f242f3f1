/**
 * What is asked of the host: one script of sh for each call, run as root, which may be cut off between any two lines and
 * run again. Whose things are is decided here once more, under one lock, right before anything changes.
 *
 * The record comes first and goes last: what stands without one was made by somebody else, and is not touched.
 */
import type { Owner } from '@berth/core'
import type { HostFile } from './machine-files.ts'
import { BASE, namesOf, quoted, recordMark, rootOf, UNITS, unitMark, type Names } from './names.ts'

/** How a script ends that came to a decision; others are the host's. */
export const EXIT = { foreign: 65, unsupported: 69, busy: 75, stuck: 74 } as const
/** The last line of a script that ran to its end. */
export const DONE = 'berth-done'
const LOCK = '/run/berth.lock'
const LOCK_S = 20
/** A large home takes longer than one call: the next one goes on. */
const REMOVE_S = 15
const START_S = 15
const END_S = 15
const LOG_LINES = 2000
/** What a host must have, beside sh and what coreutils brings. */
export const PROGRAMS = ['systemctl', 'journalctl', 'useradd', 'userdel', 'flock', 'nsenter', 'unshare', 'setpriv', 'mount', 'pivot_root', 'ip', 'nft', 'curl', 'git', 'getent', 'sed', 'grep', 'base64', 'timeout', 'stat'] as const

/** Nothing of it runs before its last line has come. */
function script(body: string): string {
  return `umask 077
export LC_ALL=C TZ=UTC PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
main() {
set -eu
${body}
echo ${DONE}
}
main
`
}

const locked = `exec 9>${LOCK}
flock -w ${LOCK_S} 9 || exit ${EXIT.busy}`

function variables({ root, record, place, unit, user, comment, namespace, table, key }: Names): string {
  const values = { root, record, place, unit, user, comment, namespace, table, unit_file: `${UNITS}/${unit}`, record_mark: recordMark(key), unit_mark: unitMark(key) }
  return Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}`).join('\n')
}

/** `mine`: the record is root's, a file, and says this key. What is named like ours must be ours too, or all of it is left alone. */
const OWNERSHIP = `mine() { [ -f "$record" ] && [ ! -L "$record" ] && [ "$(stat -c %u "$record")" = 0 ] && grep -qxF -e "$record_mark" "$record"; }
there() { [ -e "$1" ] || [ -L "$1" ]; }
user_entry() { getent passwd "$user" || :; }
refuse_foreign() {
  entry=$(user_entry)
  [ -z "$entry" ] || [ "$(echo "$entry" | cut -d : -f 5)" = "$comment" ] || exit ${EXIT.foreign}
  if there "$unit_file"; then [ -f "$unit_file" ] && grep -qxF -e "$unit_mark" "$unit_file" || exit ${EXIT.foreign}; fi
}`

/** One line for the record, one for the unit: see observed.ts. */
const SAY = `say() {
  if [ -L "$2" ] || [ ! -f "$2" ]; then echo "record $1 0 -"; else echo "record $1 $(stat -c %u "$2") $(base64 -w 0 < "$2")"; fi
  echo "unit $1 $(systemctl show -p LoadState -p ActiveState -p SubState -p Result -p ExecMainStatus -p ExecMainStartTimestamp "$3" | tr '\\n' ';')"
}`
const sayThis = ({ stem }: Names): string => `if there "$record"; then say ${stem} "$record" "$unit"; fi`

export function observeScript(owner: Owner): string {
  const names = namesOf(owner)
  return script(`${variables(names)}\n${OWNERSHIP}\n${SAY}\n${sayThis(names)}`)
}

export interface Make { readonly owner: Owner; readonly record: string; readonly unit: string; readonly files: readonly HostFile[] }
/** Makes what is missing and starts it; a machine that runs stays as it is. */
export function ensureScript({ owner, record, unit, files }: Make): string {
  const names = namesOf(owner)
  return script(`${locked}
${variables(names)}
${OWNERSHIP}
${SAY}
refuse_foreign
if there "$record"; then mine || exit ${EXIT.foreign}
else
  [ -z "$(user_entry)" ] || exit ${EXIT.foreign}
  ! there "$place" || exit ${EXIT.foreign}
  mkdir -p "$root"
  chmod 711 ${BASE}
  chmod 700 "$root"
${heredoc(record, 'cat > "$record.new"')}
  sync "$record.new"
  mv "$record.new" "$record"
  sync "$root"
fi
case $(systemctl show -p ActiveState --value "$unit") in active|activating|deactivating|reloading) ${sayThis(names)}; echo ${DONE}; exit 0;; esac
[ -n "$(user_entry)" ] || useradd --system --user-group --no-create-home --home-dir "$place/disk/home" --shell "$(command -v nologin || echo /bin/false)" --comment "$comment" "$user"
uid=$(id -u "$user")
gid=$(id -g "$user")
[ "$uid" -lt 65536 ] || { echo "the user has the number $uid, and 65535 is the highest that has a network here" >&2; exit ${EXIT.unsupported}; }
mkdir -p "$place"
chmod 700 "$place"
mkdir -p "$place/disk/work" "$place/disk/home" "$place/disk/state" "$place/toolbox" "$place/boot" "$place/root"
chown "$uid:$gid" "$place/disk/work" "$place/disk/home"
chmod 700 "$place/disk" "$place/disk/work" "$place/disk/home" "$place/disk/state" "$place/boot"
chmod 755 "$place/toolbox" "$place/root"
put() { sed "s/\\"@uid@\\"/$uid/g; s/\\"@gid@\\"/$gid/g; s/@uid@/$uid/g; s/@gid@/$gid/g" > "$2.new"; chmod "$1" "$2.new"; mv "$2.new" "$2"; }
${files.map(({ path, mode, content }) => heredoc(content, `put ${mode} "$place/${path}"`)).join('\n')}
${heredoc(unit, 'put 644 "$unit_file"')}
systemctl daemon-reload
systemctl reset-failed "$unit" 2>/dev/null || :
systemctl enable --quiet "$unit" 2>/dev/null
timeout ${START_S} systemctl start "$unit" || :
${sayThis(names)}`)
}

/** Its content is on the connection and in the file, and nowhere else. */
function heredoc(content: string, reader: string): string {
  return `base64 -d <<'berth-end' | ${reader}\n${Buffer.from(content).toString('base64').replaceAll(/.{1,76}/g, '$&\n')}berth-end`
}

/** Asks it to end; the unit kills what does not. */
export function stopScript(owner: Owner): string {
  const names = namesOf(owner)
  return script(`${locked}
${variables(names)}
${OWNERSHIP}
${SAY}
if there "$record"; then
  mine || exit ${EXIT.foreign}
  refuse_foreign
  if there "$unit_file"; then
    systemctl disable --quiet "$unit" 2>/dev/null
    systemctl stop --no-block "$unit"
  fi
fi
${sayThis(names)}`)
}

export function destroyScript(owner: Owner): string {
  const names = namesOf(owner)
  return script(`${locked}
${variables(names)}
${OWNERSHIP}
${SAY}
if ! there "$record"; then
  # Of a making that was cut off before anything was made.
  rm -f "$record.new"
  rmdir "$root" ${BASE} 2>/dev/null || :
  echo ${DONE}
  exit 0
fi
mine || exit ${EXIT.foreign}
refuse_foreign
uid=$(id -u "$user" 2>/dev/null || :)
if there "$unit_file"; then
  systemctl disable --quiet "$unit" 2>/dev/null
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || :
  timeout ${END_S} systemctl stop "$unit" || exit ${EXIT.stuck}
  # Its end clears up behind itself, where the disk lets it.
  rm -f "$unit_file"
  systemctl daemon-reload
fi
rm -f "$unit_file.new"
systemctl reset-failed "$unit" 2>/dev/null || :
${REMOVE_NETWORK}
if [ -n "$uid" ]; then
  for process in /proc/[0-9]*; do
    [ "$(stat -c %u "$process" 2>/dev/null || :)" != "$uid" ] || kill -KILL "\${process#/proc/}" 2>/dev/null || :
  done
  userdel "$user" || exit ${EXIT.stuck}
fi
[ ! -e "$place" ] || timeout ${REMOVE_S} rm -rf --one-file-system "$place" || :
if [ -e "$place" ]; then ${sayThis(names)}; echo ${DONE}; exit 0; fi
rm -f "$record"
rmdir "$root" ${BASE} 2>/dev/null || :`)
}

const REMOVE_NETWORK = `[ -z "$uid" ] || ip link del "bw$uid" 2>/dev/null || :
[ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace" || :
if nft list table inet "$table" >/dev/null 2>&1; then nft delete table inet "$table" || :; fi
if [ -n "$uid" ] && command -v iptables >/dev/null; then
  while iptables -w 5 -D FORWARD -i "bw$uid" -j ACCEPT 2>/dev/null; do :; done
  while iptables -w 5 -D FORWARD -o "bw$uid" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT 2>/dev/null; do :; done
fi`

export function listScript(installation: string): string {
  const root = rootOf(installation)
  const short = namesOf({ installation, workspaceId: 'ws_000000', generation: 0 }).unit.replace(/ws_.*/, '')
  return script(`${SAY}
for record in ${root}/*.json; do
  [ -e "$record" ] || [ -L "$record" ] || continue
  stem=$(basename "$record" .json)
  case $stem in *[!a-z0-9_-]*) continue;; esac
  say "$stem" "$record" "${short}$stem.service"
done`)
}

/** Everything that is named like ours or says that it is, whether a record stands for it or not. */
export function leftoversScript(installation: string): string {
  const root = rootOf(installation)
  return script(`for path in ${root}/* ${root}/.[!.]*; do
  [ -e "$path" ] || [ -L "$path" ] || continue
  name=$(basename "$path")
  case $name in *[!A-Za-z0-9_.-]*) continue;; esac
  kind=file
  [ -L "$path" ] || [ ! -d "$path" ] || kind=directory
  echo "$kind $name $(stat -c %Y "$path")"
done
getent passwd | while IFS=: read -r name _ _ _ comment _; do case $comment in 'berth ${installation}/'*) echo "user $name \${comment#berth }";; esac; done
for path in ${UNITS}/berth-*.service; do
  [ -f "$path" ] || continue
  key=$(sed -n 's|^# berth \\(${installation}/[a-z0-9_]*/[0-9]*\\)$|\\1|p' "$path" | head -n 1)
  [ -z "$key" ] || echo "unit $(basename "$path") $key $(stat -c %Y "$path")"
done
for path in /run/netns/berth-${installation}-*; do [ ! -e "$path" ] || echo "network $(basename "$path") $(stat -c %Y "$path")"; done
nft list tables inet | sed -n 's/^table inet \\(berth_${installation}_[a-z0-9_]*\\)$/walls \\1/p'`)
}

/** What one leftover is, looked at again: none of these is removed while a record stands for it. */
export function removeLeftoverScript(owner: Owner, { kind, name }: { kind: string; name: string }): string {
  const names = namesOf(owner)
  const at = quoted(name)
  const remove: Readonly<Record<string, string>> = {
    directory: `[ ! -e "$root"/${at} ] || timeout ${REMOVE_S} rm -rf --one-file-system "$root"/${at} || :\n[ ! -e "$root"/${at} ] || exit ${EXIT.stuck}`,
    file: `rm -f "$root"/${at}`,
    unit: `if there "$unit_file"; then
  grep -qxF -e "$unit_mark" "$unit_file" || exit ${EXIT.foreign}
  systemctl disable --quiet "$unit" 2>/dev/null || :
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || :
  timeout ${END_S} systemctl stop "$unit" || exit ${EXIT.stuck}
  rm -f "$unit_file"
  systemctl daemon-reload
fi`,
    network: `[ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace"`,
    walls: `if nft list table inet "$table" >/dev/null 2>&1; then nft delete table inet "$table"; fi`,
  }
  return script(`${locked}
${variables(names)}
${OWNERSHIP}
! there "$record" || exit ${EXIT.foreign}
${remove[kind] ?? `exit ${EXIT.unsupported}`}
rmdir "$root" ${BASE} 2>/dev/null || :`)
}

export function egressScript(owner: Owner, mode: 'open' | 'closed'): string {
  return script(`${locked}
${variables(namesOf(owner))}
${OWNERSHIP}
if there "$record"; then
  mine || exit ${EXIT.foreign}
  echo ${mode} > "$place/egress.new"
  mv "$place/egress.new" "$place/egress"
  ! systemctl is-active --quiet "$unit" || /bin/sh "$place/walls"
fi`)
}

export function logsScript(owner: Owner, tailBytes: number): string {
  return script(`${variables(namesOf(owner))}
${OWNERSHIP}
if mine; then journalctl -u "$unit" -n ${LOG_LINES} -o cat --no-pager -q | tail -c ${tailBytes}; fi
echo`)
}

export function checkScript(): string {
  return script(`echo "uid $(id -u)"
echo "system $(sed -n 's/^PRETTY_NAME="\\{0,1\\}\\([^"]*\\)"\\{0,1\\}$/\\1/p' /etc/os-release 2>/dev/null)"
echo "machine $(uname -m)"
echo "libc $(getconf GNU_LIBC_VERSION 2>/dev/null || echo other)"
[ ! -d /run/systemd/system ] || echo "systemd $(systemctl --version | sed -n 's/^systemd \\([0-9]*\\).*/\\1/p')"
for program in ${PROGRAMS.join(' ')}; do command -v "$program" >/dev/null || echo "missing $program"; done
echo "free $(df -Pk /var/lib | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\\([0-9]*\\).*/\\1/p')"
! systemctl is-active --quiet firewalld 2>/dev/null || echo "firewalld yes"`)
}
