/** The engine beside a machine that asked for one, as a container: pure data. */
import type { MachineSpec } from '@berth/core'
// @ts-expect-error: `type: text` makes it a string, which the type checker does not know of
import startScriptText from '../../../images/docker/start.sh' with { type: 'text' }
import type { TarEntry } from '../tar.ts'
import { ENGINE_CAPABILITIES, ENGINE_READ_ONLY_PATHS, ENGINE_SECURITY } from './rights.ts'

const startScript: string = startScriptText
/** In both containers: the socket and the command line. */
export const SHARED_DIR = '/run/berth-docker'
export const READY_PATH = `${SHARED_DIR}/ready`
export const INSIDE_HOST = `unix://${SHARED_DIR}/docker.sock`
const DATA_DIR = '/var/lib/docker'
/** Above what its script gives its own containers. */
const STOP_GRACE_S = 10
const RESTARTS = 3

export interface InsidePlan {
  readonly image: string
  readonly machineId: string
  /** Who may use the socket. */
  readonly gid: number
  readonly spec: Pick<MachineSpec, 'memoryBytes' | 'cpus' | 'pids'>
  /** Name of the volume and where it is: the same places as in the machine, so that paths of compose files hold. */
  readonly same: readonly { readonly volume: string; readonly target: string }[]
  readonly data: string
  readonly shared: string
}

export function insideBody({ image, machineId, gid, spec, same, data, shared }: InsidePlan): Record<string, unknown> {
  const volume = (Source: string, Target: string): Record<string, unknown> => ({ Type: 'volume', Source, Target })
  return {
    Image: image, User: '0:0', WorkingDir: '/', Entrypoint: ['/bin/sh', '-c', startScript, 'start.sh'], Cmd: [String(gid)], StopSignal: 'SIGTERM', StopTimeout: STOP_GRACE_S, Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      // The network of the machine is its network: what its containers publish are ports of the machine.
      Init: true, NetworkMode: `container:${machineId}`, CgroupnsMode: 'private',
      CapDrop: ['ALL'], CapAdd: ENGINE_CAPABILITIES, SecurityOpt: ENGINE_SECURITY, ReadonlyPaths: ENGINE_READ_ONLY_PATHS,
      // As much again as the machine has: what runs in it must not starve the agent.
      Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes, NanoCpus: Math.round(spec.cpus * 1e9), PidsLimit: spec.pids,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: RESTARTS }, LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
      Mounts: [volume(data, DATA_DIR), volume(shared, SHARED_DIR), ...same.map((one) => volume(one.volume, one.target))],
    },
  }
}

/** Where people and programs look for the command line; what the image has itself under these names goes first on no path. */
export function commandLinks(): TarEntry[] {
  const link = (path: string, program: string): TarEntry => ({ path, kind: 'symlink', mode: 0o777, linkTarget: `${SHARED_DIR}/bin/${program}` })
  return [link('usr/local/bin/docker', 'docker'), link('usr/local/bin/docker-compose', 'docker-compose'), link('usr/local/lib/docker/cli-plugins/docker-compose', 'docker-compose')]
}
