/** OpenSSH's own files, made from what is known of the workspaces. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { selfCli } from '../self.ts'
import type { Host, Hosts } from './hosts.ts'
import type { SshHome } from './ssh-home.ts'

export interface Rendering { readonly home: string; readonly at: SshHome; readonly sockets: string | null }

const HEAD = '# Written by berth, again and again: what you change here is lost. `berth ssh-config --remove` takes it away.\n'

/** Each connection by itself: a shared one stays, and what was forwarded with it. */
const WITH_AGENT = ['ForwardAgent yes', 'ControlMaster no', 'ControlPath none']
const IS_KEY = /^[\w@.-]+ [A-Za-z0-9+/=]+$/
/** Hosts that were named by people or repositories: the server allows letters, digits and dashes, and nothing else passes here. */
const isName = (name: string): boolean => /^[\w.-]{1,100}$/.test(name)

export function hostEntries(hosts: Hosts, rendering: Rendering): string {
  const shown = Object.values(hosts).filter(({ id, name, user }) => [id, name, user].every(isName))
  if (shown.length === 0) return HEAD
  const { at, sockets } = rendering
  const names = hostNames(hosts)
  const nameOf = ({ id }: Host): string => names.get(id) ?? id
  const shared = [
    'IdentityFile ' + quoted(escaped(at.key)), 'IdentitiesOnly yes', 'PreferredAuthentications publickey',
    'UserKnownHostsFile ' + quoted(escaped(at.knownHosts)), 'GlobalKnownHostsFile /dev/null', 'StrictHostKeyChecking yes', 'UpdateHostKeys no', 'CheckHostIP no',
    'ForwardAgent no', 'ForwardX11 no', 'Compression no',
    // The bytes pass through several programs of one computer: where the processor does AES, this one costs the least.
    ...(doesAes() ? ['Ciphers ^aes128-gcm@openssh.com'] : []),
    ...(sockets === null ? [] : ['ControlMaster auto', 'ControlPersist 10m', 'ControlPath ' + quoted(`${escaped(sockets)}/%h`)]),
  ]
  return [
    HEAD,
    ...shown.flatMap((host) => [`Host ${nameOf(host)}`, ...indented([`HostName ${host.id}`, `HostKeyAlias ${host.id}`, `User ${host.user}`, `ProxyCommand ${proxyCommand(host, rendering)}`, ...(handsOver(host) ? ['ProxyUseFdpass yes'] : []), ...(host.forwardAgent === true ? WITH_AGENT : [])]), '']),
    `Host ${shown.map(nameOf).join(' ')}`, ...indented(shared), '',
  ].join('\n')
}

function doesAes(): boolean {
  if (process.platform === 'darwin') return true
  try {
    return /^(?:flags|Features)\s*:.*\baes\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    return false
  }
}

export function knownHostLines(hosts: Hosts): string {
  return HEAD + Object.values(hosts).flatMap(({ id, hostKey }) => (hostKey === null || !isName(id) || !IS_KEY.test(hostKey) ? [] : [`${id} ${hostKey}\n`])).join('')
}

/**
 * By id, as a person types it. OpenSSH takes the first entry of a name, so no two may have one: what this home's own server
 * calls `demo` is `berth-demo`, and that of another server, then, `berth-demo.<server>`. No workspace has a dot in its name.
 */
export function hostNames(hosts: Hosts): ReadonlyMap<string, string> {
  const own = new Set(Object.values(hosts).filter(({ server }) => server === null).map(({ name }) => name))
  const taken = new Set<string>()
  return new Map(Object.values(hosts).map((host) => {
    const { id, name, server } = host
    const short = `berth-${name}`
    const wanted = server !== null && (own.has(name) || taken.has(short)) ? `${short}.${server}` : short
    const given = taken.has(wanted) || !isName(wanted) ? id : wanted
    taken.add(given)
    return [id, given]
  }))
}
const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)

/** The server of this home has a door; only Linux is seen to give ssh what comes out of it. */
const handsOver = ({ server }: Host): boolean => server === null && process.platform === 'linux'

/** Run by the person's shell, which ssh leads into it by `exec`. */
function proxyCommand(host: Host, { home }: Rendering): string {
  const settings = [
    ...(home === join(homedir(), '.berth') ? [] : [`BERTH_HOME=${home}`]),
    // A server that only the environment names stays there, with its token.
    ...(host.server === null || host.server === 'elsewhere' ? [] : [`BERTH_CONTEXT=${host.server}`]),
  ]
  const argv = [...(settings.length === 0 ? [] : ['env', ...settings]), ...selfCli(['ssh', handsOver(host) ? '--hand-over' : '--stdio', host.id])]
  return escaped(argv.map(shellWord).join(' '))
}

export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
/** ssh puts values in where it sees a per cent sign. */
const escaped = (text: string): string => text.replaceAll('%', '%%')
const quoted = (text: string): string => `"${text}"`
