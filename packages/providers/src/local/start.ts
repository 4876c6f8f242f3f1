/** Starts a local machine: everything is written first, then one process is started, which says when it is up. */
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProviderFault, type LinkAddress, type MachineSpec, type Owner } from '@berth/core'
import type { Isolation, WorkspaceId } from '@berth/wire'
import type { BootFile } from '@berth/wire/daemon'
import type { LocalProviderOptions } from './index.ts'
import { ownerKey, plainRootReaches, replaceDir, type MachineRecord } from './machine-dir.ts'
import { WALLS } from './egress.ts'
import { launchHost } from './launch-host.ts'
import type { HostSpec } from './machine-host.ts'
import { PLAIN_BUN } from './plain-bun.ts'
import { LOCAL_MARK } from './process-tree.ts'
import { copyPrograms, INIT_PROGRAM } from './programs.ts'
import { EGRESS_PORT, INSIDE, proxyEnvironment, sandboxArgv, writeAccounts, type Identity } from './sandbox.ts'
import { AGENT_INSIDE } from './user-namespace.ts'

interface Start {
  readonly options: LocalProviderOptions
  readonly owner: Owner
  readonly spec: MachineSpec
  readonly isolation: Isolation
  readonly machine: { readonly dir: string; readonly record: MachineRecord }
  readonly shownLink: string | null
}
const DAEMON = 'berth-daemon'

export async function startMachine(asked: Omit<Start, 'shownLink'>, signal: AbortSignal): Promise<void> {
  const start: Start = { ...asked, shownLink: await shownLinkOf(asked) }
  const { dir, record: { uid, agentUid } } = start.machine
  await rm(join(dir, 'process.json'), { force: true })
  await copyPrograms(join(dir, 'programs'))
  await mkdir(join(dir, 'sock'), { recursive: true })
  await chmod(join(dir, 'sock'), 0o755)
  await replaceDir(join(dir, 'run'), uid, {}, agentUid)
  await replaceDir(join(dir, 'boot'), uid, { 'boot.json': JSON.stringify(bootFile(start, dir)) })
  await writeAccounts(dir, identityOf(start.machine.record), hostname(start.owner))
  const record: MachineRecord = { ...start.machine.record, isolation: start.isolation }
  await writeFile(join(dir, 'machine.json.new'), JSON.stringify(record), { mode: 0o600 })
  await writeWalls(dir, start.spec.egress ?? 'open')
  await writeFile(join(dir, 'host.json'), JSON.stringify(hostSpec(start, dir)), { mode: 0o600 })
  await rename(join(dir, 'machine.json.new'), join(dir, 'machine.json'))
  await launchHost({ dir, owner: start.owner, mark: LOCAL_MARK }, signal)
}

/** For the host of a machine, which reads it with each connection. */
export async function writeWalls(dir: string, egress: 'open' | 'closed'): Promise<void> {
  await writeFile(join(dir, `${WALLS}.new`), egress, { mode: 0o600 })
  await rename(join(dir, `${WALLS}.new`), join(dir, WALLS))
}

/** As `writeAccounts` has it. */
const AGENT_NAME = 'dev'

function identityOf({ uid, agentUid }: MachineRecord): Identity {
  if (uid === null) return { kind: 'self' }
  return agentUid === undefined ? { kind: 'uid', uid } : { kind: 'two-users' }
}

const hostname = (owner: Owner): string => owner.workspaceId.replace('_', '-')

function bootFile(start: Start, dir: string): BootFile {
  const { owner, spec, isolation, machine } = start
  const sandboxed = isolation === 'sandbox'
  const at = (inside: string, name: string): string => sandboxed ? inside : join(dir, name)
  return {
    // The key came from a workspace's row, whose id was parsed.
    workspaceId: owner.workspaceId as WorkspaceId,
    generation: owner.generation,
    linkUrl: linkUrl(start, dir),
    bootToken: spec.boot.bootToken,
    stateDir: at(INSIDE.state, 'state'), runDir: at(INSIDE.run, 'run'), workDir: at(INSIDE.work, 'work'), homeDir: at(INSIDE.home, 'home'),
    agentUser: sandboxed && machine.record.agentUid !== undefined ? { uid: AGENT_INSIDE, gid: AGENT_INSIDE, name: AGENT_NAME } : null,
    toolboxDir: join(sandboxed ? INSIDE.toolbox : spec.boot.toolbox.hostDir, spec.boot.toolbox.hash),
    isolation,
    env: { [LOCAL_MARK]: ownerKey(owner), ...(sandboxed ? proxyEnvironment() : {}) },
  }
}

function linkUrl({ spec, isolation, shownLink }: Start, dir: string): string {
  if (shownLink !== null) return `unix:${join(INSIDE.link, basename(shownLink))}`
  if (linkOf(spec.boot.link) === null) return publicLink(spec.boot.link)
  return `unix:${join(isolation === 'sandbox' ? INSIDE.host : dir, 'sock/link.sock')}`
}

/**
 * The server's own socket, where the daemon may open it: all that the link carries then passes one process less. Of two users
 * the daemon has its machine's power over files of the host's root, whom the map knows, and the agent has not. Null: the host
 * side opens it for the machine.
 */
async function shownLinkOf({ spec, isolation, machine: { record } }: Pick<Start, 'spec' | 'isolation' | 'machine'>): Promise<string | null> {
  const { unixSocket } = spec.boot.link
  if (isolation !== 'sandbox' || unixSocket === null) return null
  const dir = dirname(unixSocket)
  switch (identityOf(record).kind) {
    case 'self': return unixSocket
    case 'uid': return null
    case 'two-users': return await plainRootReaches(dir) && await isRoots(dir) ? unixSocket : null
  }
}

async function isRoots(path: string): Promise<boolean> {
  const { uid, gid } = await stat(path)
  return uid === 0 && gid === 0
}

function publicLink(link: LinkAddress): string {
  if (link.publicUrl !== null) return link.publicUrl
  throw new ProviderFault('invalid', 'the server offers no address that this machine could dial', { hint: 'start the server with its link socket or a public url' })
}

/** Where machine-host connects for the machine; null: the machine dials the public address itself. */
function linkOf(link: LinkAddress): HostSpec['link'] {
  if (link.unixSocket !== null) return { path: link.unixSocket }
  if (link.loopbackUrl === null) return null
  const url = new URL(link.loopbackUrl)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}

function hostSpec({ options, owner, spec, isolation, machine, shownLink }: Start, dir: string): HostSpec {
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', [LOCAL_MARK]: ownerKey(owner) }
  const { uid, agentUid } = machine.record
  if (isolation !== 'sandbox') {
    const daemon = [join(spec.boot.toolbox.hostDir, spec.boot.toolbox.hash, DAEMON), 'supervise', '--boot', join(dir, 'boot', 'boot.json')]
    return { argv: [...dropWithoutSandbox(uid), ...daemon], env: { ...env, HOME: join(dir, 'home'), TMPDIR: join(dir, 'tmp') }, endBy: 'signal', egress: null, users: null, link: linkOf(spec.boot.link) }
  }
  const init = [join(INSIDE.host, 'bun'), join(INSIDE.host, 'programs', INIT_PROGRAM), join(INSIDE.host, 'sock/egress.sock'), String(EGRESS_PORT), INSIDE.work]
  const daemon = [join(INSIDE.toolbox, spec.boot.toolbox.hash, DAEMON), 'supervise', '--boot', join(INSIDE.boot, 'boot.json')]
  const argv = sandboxArgv({
    dir, linkDir: shownLink === null ? null : dirname(shownLink), identity: identityOf(machine.record), hostname: hostname(owner), toolboxDir: spec.boot.toolbox.hostDir, pids: spec.pids,
    readOnlyPaths: options.readOnlyPaths ?? [], command: [...init, ...daemon],
  })
  return {
    argv, endBy: 'stdin', users: uid === null || agentUid === undefined ? null : { daemon: uid, agent: agentUid }, egress: { allow: options.egressAllow ?? [], hostPorts: options.hostPorts ?? [] }, link: shownLink === null ? linkOf(spec.boot.link) : null,
    env: { ...env, ...proxyEnvironment(), PATH: '/usr/local/bin:/usr/bin:/bin', HOME: INSIDE.home, ...PLAIN_BUN },
  }
}

function dropWithoutSandbox(uid: number | null): string[] {
  return uid === null ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--']
}
