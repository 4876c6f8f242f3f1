/** What a machine is as a container: pure data from the owner and the spec. */
import { dirname, join } from 'node:path'
import type { MachineSpec, Owner } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { BootFile } from '@berth/wire/daemon'
import type { ReadyImage } from './images.ts'
import { labelsOf, machineName, volumeName, VOLUMES, type VolumeKind } from './names.ts'
import { tar } from './tar.ts'

const STATE_DIR = '/var/lib/berth'
const TOOLBOX_DIR = '/opt/berth'
/** Below the daemon's own directory, which only root may enter: the agent finds no way to the server's socket. */
const LINK_DIR = `${STATE_DIR}/link`
const DAEMON_LINK = `${STATE_DIR}/berth-daemon`
const BOOT_PATH = `${STATE_DIR}/boot.json`
const MOUNT_AT: Readonly<Record<VolumeKind, string>> = { work: '/workspace', home: '/home/dev', state: STATE_DIR }
const AGENT = { uid: 1000, gid: 1000, name: 'dev' } as const
/** What the daemon, root inside, needs to hand files and processes to the agent's user and to end them. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'KILL'] as const
const STOP_GRACE_S = 10

export interface ContainerPlan { readonly owner: Owner; readonly spec: MachineSpec; readonly image: ReadyImage; readonly engineIsHere: boolean }

export function createBody({ owner, spec, image, engineIsHere }: ContainerPlan, createdAt: number): Record<string, unknown> {
  const { link, toolbox } = spec.boot
  const bind = (Source: string, Target: string, ReadOnly = true): Record<string, unknown> => ({ Type: 'bind', Source, Target, ReadOnly })
  return {
    Image: image.reference, User: '0:0', WorkingDir: '/', Hostname: owner.workspaceId.replace('_', '-'),
    Entrypoint: [DAEMON_LINK, 'supervise', '--boot', BOOT_PATH], Cmd: [], StopSignal: 'SIGTERM', StopTimeout: STOP_GRACE_S,
    Labels: labelsOf(owner, createdAt), Tty: false, OpenStdin: false, Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true, NetworkMode: machineName(owner), ExtraHosts: ['host.docker.internal:host-gateway'],
      Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes, NanoCpus: Math.round(spec.cpus * 1e9), PidsLimit: spec.pids,
      CapDrop: ['ALL'], CapAdd: [...CAPABILITIES], SecurityOpt: ['no-new-privileges'], RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
      Mounts: [
        ...VOLUMES.map((kind) => ({ Type: 'volume', Source: volumeName(owner, kind), Target: MOUNT_AT[kind] })),
        bind(toolbox.hostDir, TOOLBOX_DIR),
        ...(engineIsHere && link.unixSocket !== null ? [bind(dirname(link.unixSocket), LINK_DIR)] : []),
        ...image.hostPaths.map((path) => bind(path, path)),
      ],
    },
  }
}

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

/** Put into the stopped container before each start: never in argv, environment or labels, and root's alone. */
export function bootArchive(plan: ContainerPlan, link: string, fresh: boolean): Uint8Array<ArrayBuffer> {
  const { owner, spec } = plan
  const boot: BootFile = {
    // The key came from a workspace's row, whose id was parsed.
    workspaceId: owner.workspaceId as WorkspaceId, generation: owner.generation, linkUrl: link, bootToken: spec.boot.bootToken,
    stateDir: STATE_DIR, runDir: '/run/berth', workDir: MOUNT_AT.work, homeDir: MOUNT_AT.home, agentUser: AGENT,
    toolboxDir: join(TOOLBOX_DIR, spec.boot.toolbox.hash), isolation: 'container',
    env: { BERTH_OWNER: `${owner.installation}/${owner.workspaceId}/${owner.generation}` },
  }
  const relative = (path: string): string => path.slice(1)
  return tar([
    { path: relative(STATE_DIR), kind: 'directory', mode: 0o700 },
    { path: relative(BOOT_PATH), kind: 'file', mode: 0o600, content: JSON.stringify(boot) },
    // The command of a container cannot change, the toolbox does: an upgraded server's daemon comes by this link.
    { path: relative(DAEMON_LINK), kind: 'symlink', mode: 0o777, linkTarget: join(TOOLBOX_DIR, spec.boot.toolbox.hash, 'berth-daemon') },
    // Volumes start as the image has these directories, or as root's where it has none.
    ...(fresh ? [{ path: relative(MOUNT_AT.work), kind: 'directory', mode: 0o755, uid: AGENT.uid, gid: AGENT.gid } as const,
      { path: relative(MOUNT_AT.home), kind: 'directory', mode: 0o755, uid: AGENT.uid, gid: AGENT.gid } as const] : []),
  ], Date.now())
}
