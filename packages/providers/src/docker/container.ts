/** What a machine is as a container: pure data from the owner and the spec. */
import { dirname, join } from 'node:path'
import type { MachineMade, MachineSpec, Owner } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { BootFile } from '@berth/wire/daemon'
import type { ReadyService } from './devcontainer/compose/service-images.ts'
import { DEV_HOME } from './devcontainer/places.ts'
import type { Devcontainer } from './devcontainer/prepare.ts'
import type { ReadyImage } from './images.ts'
import { commandLinks, INSIDE_HOST, SHARED_DIR } from './inside/container.ts'
import { labelsOf, machineName, projectLabels, volumeName, VOLUMES, type VolumeKind } from './names.ts'
import { tar, type TarEntry } from './tar.ts'

const STATE_DIR = '/var/lib/berth'
const TOOLBOX_DIR = '/opt/berth'
/** Below the daemon's own directory, which only root may enter: the agent finds no way to the server's socket. */
const LINK_DIR = `${STATE_DIR}/link`
const DAEMON_LINK = `${STATE_DIR}/berth-daemon`
/** While it is not empty the daemon does not begin: nothing of the workspace runs before what it asked for is there. */
export const HOLD_PATH = `${STATE_DIR}/hold`
export const HELD_FOR = 'for what is beside it\n'
const BOOT_PATH = `${STATE_DIR}/boot.json`
export const WORK_DIR = '/workspace'
const MOUNT_AT: Readonly<Record<VolumeKind, string>> = { work: WORK_DIR, home: DEV_HOME, state: STATE_DIR }
const AGENT = { uid: 1000, gid: 1000, name: 'dev' } as const
/** What the daemon, root inside, needs to hand files and processes to the agent's user and to end them. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'KILL'] as const
/** What else a root that installs packages and serves on low ports needs. None of them reaches the host. */
const SUDO_CAPABILITIES = ['AUDIT_WRITE', 'NET_BIND_SERVICE', 'SETFCAP', 'SYS_CHROOT'] as const
const STOP_GRACE_S = 10

export interface ContainerPlan {
  readonly owner: Owner
  readonly spec: MachineSpec
  readonly image: ReadyImage
  readonly engineIsHere: boolean
  /** What the project's own image asks for. */
  readonly devcontainer: Devcontainer | null
  readonly made: MachineMade | null
  readonly buildLog: string | null
  /** Its disk is that of the machine before. */
  readonly rebuilt: boolean
}

export const homeOf = ({ devcontainer }: Pick<ContainerPlan, 'devcontainer'>): string => devcontainer?.account?.home ?? MOUNT_AT.home
export const userOf = ({ devcontainer }: Pick<ContainerPlan, 'devcontainer'>): { uid: number; gid: number; name: string } => {
  const account = devcontainer?.account
  return account === null || account === undefined ? AGENT : { uid: account.uid, gid: account.gid, name: account.name }
}

/** Something belongs beside or around it, and must be there before anything runs in it. */
export const isHeld = ({ spec, devcontainer, engineIsHere }: Pick<ContainerPlan, 'spec' | 'devcontainer' | 'engineIsHere'>): boolean => engineIsHere || spec.docker === true || (devcontainer?.services ?? []).length > 0

export function createBody(plan: ContainerPlan, createdAt: number): Record<string, unknown> {
  const { owner, spec, image, devcontainer, made } = plan
  return {
    Image: image.reference, User: '0:0', WorkingDir: '/', Hostname: owner.workspaceId.replace('_', '-'),
    Entrypoint: [DAEMON_LINK, 'supervise', '--boot', BOOT_PATH], Cmd: [], StopSignal: 'SIGTERM', StopTimeout: STOP_GRACE_S,
    Labels: { ...labelsOf(owner, createdAt), ...projectLabels({ revision: spec.project?.revision ?? null, made, devcontainer }) }, Tty: false, OpenStdin: false, Env: Object.entries(devcontainer?.containerEnv ?? {}).map(([name, value]) => `${name}=${value}`), Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true, NetworkMode: machineName(owner), ExtraHosts: ['host.docker.internal:host-gateway', ...sharingNames(plan)],
      Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes, NanoCpus: Math.round(spec.cpus * 1e9), PidsLimit: spec.pids,
      CapDrop: ['ALL'], CapAdd: [...CAPABILITIES, ...(spec.sudo === true ? SUDO_CAPABILITIES : []), ...(devcontainer?.own.capAdd ?? [])],
      // A program that makes root of somebody is what sudo is.
      SecurityOpt: spec.sudo === true ? [] : ['no-new-privileges'], RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
      ...(devcontainer?.own.shmSizeBytes ? { ShmSize: devcontainer.own.shmSizeBytes } : {}),
      Mounts: mountsOf(plan),
    },
  }
}

function mountsOf(plan: ContainerPlan): Record<string, unknown>[] {
  const { owner, spec, image, engineIsHere, devcontainer } = plan
  const { link, toolbox } = spec.boot
  const bind = (Source: string, Target: string, ReadOnly = true): Record<string, unknown> => ({ Type: 'bind', Source, Target, ReadOnly })
  return [
    ...VOLUMES.map((kind) => ({ Type: 'volume', Source: volumeName(owner, kind), Target: kind === 'home' ? homeOf(plan) : MOUNT_AT[kind] })),
    // Without a name of its own: it goes when the container goes.
    ...(devcontainer?.mounts ?? []).map(({ type, target }) => ({ Type: type, Target: target })),
    ...(spec.docker === true ? [{ Type: 'volume', Source: volumeName(owner, 'docker-shared'), Target: SHARED_DIR, ReadOnly: true }] : []),
    bind(toolbox.hostDir, TOOLBOX_DIR),
    ...(engineIsHere && link.unixSocket !== null ? [bind(dirname(link.unixSocket), LINK_DIR)] : []),
    ...image.hostPaths.map((path) => bind(path, path)),
  ]
}

/** Services in the machine's own network have no address of their own. */
const sharingNames = ({ devcontainer }: ContainerPlan): string[] => (devcontainer?.services ?? []).flatMap(({ shape }) => (shape.networkOf === null ? [] : shape.aliases.map((name) => `${name}:127.0.0.1`)))

/** Where the daemon dials: the server's socket where the engine shares our kernel, else the host by name. */
export function linkUrl({ spec, engineIsHere }: Pick<ContainerPlan, 'spec' | 'engineIsHere'>): string | null {
  const { unixSocket, loopbackUrl, publicUrl } = spec.boot.link
  if (engineIsHere && unixSocket !== null) return `unix:${LINK_DIR}/${unixSocket.slice(dirname(unixSocket).length).replace(/^\/+/, '')}`
  if (publicUrl !== null) return publicUrl
  if (loopbackUrl === null) return null
  const url = new URL(loopbackUrl)
  url.hostname = 'host.docker.internal'
  return url.href.replace(/\/$/, '')
}

const relative = (path: string): string => path.slice(1)

/** Put into the stopped container before each start: never in argv, environment or labels, and root's alone. */
export function bootArchive(plan: ContainerPlan, link: string, fresh: boolean): Uint8Array<ArrayBuffer> {
  return tar([
    { path: relative(STATE_DIR), kind: 'directory', mode: 0o700 },
    { path: relative(BOOT_PATH), kind: 'file', mode: 0o600, content: JSON.stringify(bootFileOf(plan, link)) },
    // The command of a container cannot change, the toolbox does: an upgraded server's daemon comes by this link.
    { path: relative(DAEMON_LINK), kind: 'symlink', mode: 0o777, linkTarget: join(TOOLBOX_DIR, plan.spec.boot.toolbox.hash, 'berth-daemon') },
    ...(isHeld(plan) ? [{ path: relative(HOLD_PATH), kind: 'file', mode: 0o600, content: HELD_FOR } as const] : []),
    ...(fresh ? firstEntries(plan) : []),
    ...logsOf(plan, relative(homeOf(plan))),
  ], Date.now())
}

/** Put into the running container: what it was held for is there. */
export const releaseArchive = (): Uint8Array<ArrayBuffer> => tar([{ path: relative(HOLD_PATH), kind: 'file', mode: 0o600, content: '' }], Date.now())

function bootFileOf(plan: ContainerPlan, link: string): BootFile {
  const { owner, spec, devcontainer } = plan
  const hooks = devcontainer === null ? undefined : { id: `${owner.generation}.${spec.project?.revision ?? 0}`, create: [...devcontainer.hooks.create], start: [...devcontainer.hooks.start] }
  return {
    // The key came from a workspace's row, whose id was parsed.
    workspaceId: owner.workspaceId as WorkspaceId, generation: owner.generation, linkUrl: link, bootToken: spec.boot.bootToken,
    stateDir: STATE_DIR, runDir: '/run/berth', workDir: MOUNT_AT.work, homeDir: homeOf(plan), agentUser: userOf(plan),
    toolboxDir: join(TOOLBOX_DIR, spec.boot.toolbox.hash), isolation: 'container',
    ...(hooks === undefined ? {} : { hooks }),
    env: { ...directTo(namesBeside(devcontainer?.services ?? [])), ...devcontainer?.remoteEnv, ...(spec.docker === true ? { DOCKER_HOST: INSIDE_HOST } : {}), BERTH_OWNER: `${owner.installation}/${owner.workspaceId}/${owner.generation}` },
  }
}

/** Of services with a network of their own: where their machine finds them. */
export const namesBeside = (services: readonly ReadyService[]): string[] => [...new Set(services.flatMap(({ shape }) => (shape.networkOf === null ? shape.aliases : [])))]
/** Services are in no list of hosts, and a closed machine reaches them itself. */
function directTo(names: readonly string[]): Record<string, string> {
  const direct = ['localhost', '127.0.0.1', '::1', ...names].join(',')
  return names.length === 0 ? {} : { NO_PROXY: direct, no_proxy: direct }
}

/** Into a container that never ran. */
function firstEntries(plan: ContainerPlan): TarEntry[] {
  const { spec, devcontainer } = plan
  const { uid, gid, name } = userOf(plan)
  const owned = (path: string): TarEntry => ({ path: relative(path), kind: 'directory', mode: 0o755, uid, gid })
  return [
    // Volumes start as the image has these directories, or as root's where it has none; the daemon hands over those of before.
    ...(plan.rebuilt ? [] : [MOUNT_AT.work, homeOf(plan)].map(owned)),
    ...(devcontainer?.mounts ?? []).filter(({ type }) => type === 'volume').map(({ target }) => owned(target)),
    ...(devcontainer?.own.folder ? linkTo(relative(devcontainer.own.folder)) : []),
    // An image that borrows this host's /usr cannot be written there, and has what the host has.
    ...(spec.docker === true && plan.image.hostPaths.length === 0 ? commandLinks() : []),
    ...(spec.sudo === true ? [{ path: 'etc/sudoers.d/berth', kind: 'file', mode: 0o440, content: `${name} ALL=(ALL) NOPASSWD:ALL\n` } as const] : []),
  ]
}

/** The daemon reads the one, the agent and its person the other. */
function logsOf({ buildLog, made, devcontainer }: ContainerPlan, home: string): TarEntry[] {
  if (buildLog === null) return []
  const { uid, gid } = userOf({ devcontainer })
  const logs = `${STATE_DIR.slice(1)}/logs`
  const forDaemon: TarEntry[] = [{ path: logs, kind: 'directory', mode: 0o700 }, { path: `${logs}/image.log`, kind: 'file', mode: 0o600, content: buildLog }]
  return made?.recovery ? [...forDaemon, { path: `${home}/devcontainer-build.log`, kind: 'file', mode: 0o644, uid, gid, content: buildLog }] : forDaemon
}

/** The name that the project knows its code by. */
function linkTo(path: string): TarEntry[] {
  return [{ path: dirname(path), kind: 'directory', mode: 0o755 }, { path, kind: 'symlink', mode: 0o777, linkTarget: MOUNT_AT.work }]
}
