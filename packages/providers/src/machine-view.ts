/** What a machine that shares its host's programs sees of the host, and what its daemon may do: the same wherever it is made. */

/** What programs read of /etc; files that may hold a credential (npmrc, gitconfig, netrc, shadow) are not among them. */
export const ETC = [
  'alternatives', 'ssl/certs', 'ssl/openssl.cnf', 'ca-certificates', 'ca-certificates.conf', 'pki', 'crypto-policies', 'nsswitch.conf', 'host.conf', 'gai.conf',
  'localtime', 'timezone', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'ld-musl-x86_64.path', 'profile', 'profile.d', 'bash.bashrc', 'bash_completion.d', 'inputrc',
  'terminfo', 'mime.types', 'services', 'protocols', 'rpc', 'login.defs', 'shells', 'os-release', 'debian_version', 'lsb-release', 'fonts', 'magic', 'magic.mime',
  'python3', 'python3.11', 'python3.12', 'python3.13', 'perl', 'java-17-openjdk', 'java-21-openjdk', 'maven', 'vim', 'xdg', 'locale.alias', 'locale.conf', 'environment', 'skel',
] as const
/** At the root, links or directories. */
export const ROOT_ENTRIES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'] as const

/** What the daemon, root of its machine, needs to hand files and processes to the agent and to end them. */
export const DAEMON_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'KILL'] as const
/** As `setpriv --bounding-set` takes it. */
export const DAEMON_BOUNDING = `-all,${DAEMON_CAPABILITIES.map((name) => `+${name.toLowerCase()}`).join(',')}`

/** The account files of the machine; the host's own would show its users. */
export function accountFiles({ uid, gid = uid, homeDir }: { uid: number | string; gid?: number | string; homeDir: string }): { readonly passwd: string; readonly group: string } {
  return {
    passwd: `root:x:0:0:root:/root:/usr/sbin/nologin\ndev:x:${uid}:${gid}:dev:${homeDir}:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
    // No group of terminals: nobody here is in it, and sshd insists on giving it what it knows by that name.
    group: `root:x:0:\ndev:x:${gid}:\nnogroup:x:65534:\n`,
  }
}
