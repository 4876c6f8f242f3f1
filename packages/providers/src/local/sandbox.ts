/**
 * The sandbox of a local machine: bubblewrap with a file view built from nothing. What is not bound does not exist
 * inside, so there is no list of secrets to keep up to date (docs/decisions/0001-local-sandbox.md).
 */
import { lstatSync, readlinkSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { accountFiles, DAEMON_BOUNDING, DAEMON_CAPABILITIES, ETC, ROOT_ENTRIES } from '../machine-view.ts'
import { AGENT_INSIDE, TWO_USERS_ARGV } from './user-namespace.ts'

/** The machine as it looks from inside; the same places as in a container. */
export const INSIDE = {
  work: '/workspace', home: '/home/dev', state: '/var/lib/berth', run: '/run/berth', toolbox: '/opt/berth',
  boot: '/run/berth-boot', host: '/run/berth-host', link: '/run/berth-host/link',
} as const
export const EGRESS_PORT = 3128

export interface SandboxSpec {
  readonly dir: string
  readonly identity: Identity
  readonly hostname: string
  readonly toolboxDir: string
  /** Where the server's socket is, another file after each restart. Null: the host side leads there. */
  readonly linkDir?: string | null
  readonly pids: number
  readonly readOnlyPaths: readonly string[]
  /** Of the host, where they are. */
  readonly devices?: readonly string[]
  /** Groups of the host that may use them. */
  readonly groups?: readonly number[]
  readonly command: readonly string[]
}

/**
 * Who the machine is. `two-users`: real root is here and maps a uid for the daemon and one for the agent. `uid`: real
 * root is here, and everything in the machine has that one uid. `self`: everything is the user we are.
 */
export type Identity = { readonly kind: 'two-users' } | { readonly kind: 'uid'; readonly uid: number } | { readonly kind: 'self' }

const USER_UID = AGENT_INSIDE
const NAMESPACES = ['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--die-with-parent', '--new-session'] as const
/** Directories above what is bound, made explicitly: bubblewrap would make them for root alone. */
const PARENTS = ['/home', '/var', '/var/lib', '/opt', '/run/berth-host'] as const

export function sandboxArgv(spec: SandboxSpec): string[] {
  const own = (name: string): string => join(spec.dir, name)
  return [
    'bwrap', ...NAMESPACES, ...asWhom(spec.identity), '--hostname', spec.hostname,
    ...systemView(), ...PARENTS.flatMap((path) => ['--perms', '0755', '--dir', path]),
    '--ro-bind', own('etc/passwd'), '/etc/passwd', '--ro-bind', own('etc/group'), '/etc/group', '--ro-bind', own('etc/hosts'), '/etc/hosts',
    '--bind', own('work'), INSIDE.work, '--bind', own('home'), INSIDE.home, '--bind', own('state'), INSIDE.state,
    '--bind', own('tmp'), '/tmp', '--symlink', '../tmp', '/var/tmp',
    '--bind', own('run'), INSIDE.run, '--bind', own('boot'), INSIDE.boot,
    '--ro-bind', own('sock'), join(INSIDE.host, 'sock'), '--ro-bind', own('programs'), join(INSIDE.host, 'programs'),
    '--ro-bind', process.execPath, join(INSIDE.host, 'bun'),
    ...(spec.linkDir ? ['--ro-bind', spec.linkDir, INSIDE.link] : []),
    '--ro-bind', spec.toolboxDir, INSIDE.toolbox,
    // Last, so that nothing above covers them: a path below /tmp stands in the machine's own /tmp.
    ...spec.readOnlyPaths.flatMap((path) => [...parentsOf(path).flatMap((parent) => ['--perms', '0755', '--dir', parent]), '--ro-bind-try', path, path]),
    ...(spec.devices ?? []).flatMap((path) => ['--dev-bind-try', path, path]),
    '--remount-ro', '/', '--remount-ro', '/run', '--chdir', '/', '--',
    ...dropTo(spec.identity, spec), ...spec.command,
  ]
}

/** The same namespaces and drops as a machine, and a program that does nothing. */
export function probeArgv(identity: Identity): string[] {
  return ['bwrap', ...NAMESPACES, ...asWhom(identity), ...systemView(), '--remount-ro', '/', '--', ...dropTo(identity, { pids: 64 }), 'true']
}

const capabilities = (names: readonly string[]): string[] => ['--cap-drop', 'ALL', ...names.flatMap((name) => ['--cap-add', `CAP_${name}`])]

/** Real root makes the view (a home that only root may enter can be bound) and keeps only what dropping takes. */
function asWhom(identity: Identity): string[] {
  switch (identity.kind) {
    case 'self': return ['--unshare-user', '--uid', String(USER_UID), '--gid', String(USER_UID)]
    case 'uid': return capabilities(['SETUID', 'SETGID', 'SETPCAP'])
    case 'two-users': return [...TWO_USERS_ARGV, ...capabilities([...DAEMON_CAPABILITIES, 'SETPCAP'])]
  }
}

/** As a user no limit is set on processes: it would count everything that user runs on this host. */
function dropTo(identity: Identity, { pids, groups = [] }: Pick<SandboxSpec, 'pids' | 'groups'>): string[] {
  if (identity.kind === 'self') return ['prlimit', '--core=0', '--']
  const uid = identity.kind === 'uid' ? identity.uid : 0
  const bounding = identity.kind === 'uid' ? '-all' : DAEMON_BOUNDING
  return ['prlimit', '--core=0', `--nproc=${pids}`, '--', 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`, '--inh-caps=-all', `--bounding-set=${bounding}`, '--no-new-privs', '--']
}

function systemView(): string[] {
  const argv = ['--ro-bind', '/usr', '/usr']
  for (const path of ROOT_ENTRIES) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isSymbolicLink()) argv.push('--symlink', readlinkSync(path), path)
    else if (found?.isDirectory()) argv.push('--ro-bind', path, path)
  }
  argv.push('--proc', '/proc', '--dev', '/dev', '--perms', '1777', '--tmpfs', '/dev/shm', '--perms', '0755', '--tmpfs', '/run', '--perms', '0755', '--dir', '/etc')
  // Parents that it makes by itself nobody but the sandbox's owner may pass.
  for (const dir of new Set(ETC.filter((name) => name.includes('/')).map((name) => name.slice(0, name.lastIndexOf('/'))))) argv.push('--perms', '0755', '--dir', `/etc/${dir}`)
  for (const name of ETC) argv.push('--ro-bind-try', `/etc/${name}`, `/etc/${name}`)
  return argv
}

/** Directories above a path that the view does not hold yet: left to bubblewrap, the machine's user could not pass them. */
function parentsOf(path: string): string[] {
  const names = path.split('/').slice(1, -1)
  const parents = names.map((_, at) => `/${names.slice(0, at + 1).join('/')}`)
  return ['/usr', ...ROOT_ENTRIES].some((entry) => parents[0] === entry) ? [] : parents
}

/** The account files of the machine; the host's own would show its users. */
export async function writeAccounts(dir: string, identity: Identity, hostname: string): Promise<void> {
  const id = identity.kind === 'uid' ? identity.uid : USER_UID
  await mkdir(join(dir, 'etc'), { recursive: true, mode: 0o755 })
  const files: Record<string, string> = {
    ...accountFiles({ uid: id, homeDir: INSIDE.home }),
    hosts: `127.0.0.1 localhost ${hostname}\n::1 localhost\n`,
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, 'etc', name), content, { mode: 0o644 })
}

/** Environment of everything in the machine: the way out is the loopback proxy. */
export function proxyEnvironment(): Record<string, string> {
  const proxy = `http://127.0.0.1:${EGRESS_PORT}`
  const direct = 'localhost,127.0.0.1,::1'
  return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy, NO_PROXY: direct, no_proxy: direct }
}
