/**
 * A machine as clouds sell it, in a container: Debian with systemd and real cloud-init, which reads its user data as on a
 * vendor's host. For simulators only; it has the rights of a container with SYS_ADMIN.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machineImage } from './image.ts'
import { docker } from './docker.ts'

export { docker } from './docker.ts'
export { machineImage } from './image.ts'
export { createOciMachines, type OciMachine, type OciMachines } from './oci.ts'

export interface NewMachine {
  readonly name: string
  readonly hostname: string
  readonly instanceId: string
  readonly userData: string
  /** A disk that `snapshot` made. Absent: Debian as the vendors have it. */
  readonly image?: string
  /** Docker volumes, by where they are mounted. */
  readonly volumes: Readonly<Record<string, string>>
}
export interface Machines {
  create(machine: NewMachine): Promise<void>
  start(name: string): Promise<void>
  /** `hard`: as if the plug were pulled. */
  stop(name: string, hard: boolean): Promise<void>
  /** Of one that is stopped: it reads them at its next boot, as from a vendor's metadata service. */
  setUserData(name: string, userData: string): Promise<void>
  remove(name: string): Promise<void>
  removeVolume(name: string): Promise<void>
  /** A copy of its disk, without volumes, for other machines to begin with. */
  snapshot(name: string, image: string): Promise<void>
  removeSnapshot(image: string): Promise<void>
  /** What runs as root in it; for tests that look. */
  exec(name: string, argv: readonly string[], options?: { readonly stdin?: Blob }): Promise<{ exitCode: number; stdout: string }>
  /** With its memory as it is, and as if nothing had been in between. */
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** On the engine's bridge; another one after each start. */
  address(name: string): Promise<string>
  /** Called when a machine went down, whoever did it. */
  onDown(listener: (name: string) => void): void
  /** All that it made. */
  close(): Promise<void>
}

const LABEL = 'berth.sim'
const SHUTDOWN_S = 20

/** `prefix` keeps the containers of two simulators apart. */
export function createMachines(prefix: string): Machines {
  const seeds = mkdtempSync(join(tmpdir(), 'sim-machine-'))
  const listeners: ((name: string) => void)[] = []
  const volumes = new Set<string>()
  const seedOf = new Map<string, { dir: string; instanceId: string }>()
  const snapshots = new Set<string>()
  const of = (name: string): string => `${prefix}-${name}`
  const tagOf = (image: string): string => `${LABEL}-${prefix}:${image}`.toLowerCase()
  const watch = (name: string): void => {
    // Ends when the container does; one that was removed meanwhile is down too.
    void docker(['wait', of(name)], { mayFail: true }).then(() => { for (const tell of listeners) tell(name) })
  }
  return {
    async create({ name, hostname, instanceId, userData, volumes: mounts, image: snapshot }) {
      const image = snapshot === undefined ? await machineImage() : tagOf(snapshot)
      const seed = mkdtempSync(join(seeds, 'seed-'))
      seedOf.set(name, { dir: seed, instanceId })
      writeFileSync(join(seed, 'meta-data'), `instance-id: ${instanceId}\nlocal-hostname: ${hostname}\n`)
      writeFileSync(join(seed, 'user-data'), userData, { mode: 0o600 })
      for (const volume of Object.values(mounts)) {
        await docker(['volume', 'create', '--label', `${LABEL}=${prefix}`, of(volume)])
        volumes.add(of(volume))
      }
      await docker([
        'run', '--detach', '--name', of(name), '--hostname', hostname, '--label', `${LABEL}=${prefix}`, '--add-host', 'host.docker.internal:host-gateway',
        '--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined',
        '--tmpfs', '/run:exec', '--tmpfs', '/run/lock', '--tmpfs', '/tmp:exec', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup:ro', '--volume', `${seed}:/var/lib/cloud/seed/nocloud:ro`,
        ...Object.entries(mounts).flatMap(([at, volume]) => ['--volume', `${of(volume)}:${at}`]), image,
      ])
      watch(name)
    },
    async start(name) {
      await docker(['start', of(name)])
      watch(name)
    },
    async stop(name, hard) {
      await docker(hard ? ['kill', of(name)] : ['stop', '--time', String(SHUTDOWN_S), of(name)], { mayFail: true })
    },
    async setUserData(name, userData) {
      const seed = seedOf.get(name)
      if (seed === undefined) throw new Error(`no machine is called ${name}`)
      writeFileSync(join(seed.dir, 'user-data'), userData, { mode: 0o600 })
      // This source alone believes what it read before; without it it reads again.
      const nothing = join(seed.dir, 'nothing')
      writeFileSync(nothing, '')
      await docker(['cp', nothing, `${of(name)}:/var/lib/cloud/instances/${seed.instanceId}/obj.pkl`])
      rmSync(nothing)
    },
    async remove(name) {
      await docker(['rm', '--force', '--volumes', of(name)], { mayFail: true })
    },
    async removeVolume(name) {
      volumes.delete(of(name))
      await docker(['volume', 'rm', '--force', of(name)], { mayFail: true })
    },
    async snapshot(name, image) {
      snapshots.add(tagOf(image))
      await docker(['commit', of(name), tagOf(image)])
    },
    async removeSnapshot(image) {
      snapshots.delete(tagOf(image))
      await docker(['image', 'rm', '--force', tagOf(image)], { mayFail: true })
    },
    exec: (name, argv, { stdin } = {}) => docker(['exec', ...(stdin === undefined ? [] : ['--interactive']), of(name), ...argv], { mayFail: true, ...(stdin === undefined ? {} : { stdin }) }),
    async pause(name) { await docker(['pause', of(name)]) },
    async resume(name) { await docker(['unpause', of(name)]) },
    address: async (name) => (await docker(['inspect', '--format', '{{.NetworkSettings.IPAddress}}', of(name)])).stdout,
    onDown(listener) { listeners.push(listener) },
    async close() {
      const { stdout } = await docker(['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${prefix}`])
      const ids = stdout.split('\n').filter(Boolean)
      if (ids.length > 0) await docker(['rm', '--force', '--volumes', ...ids], { mayFail: true })
      for (const volume of volumes) await docker(['volume', 'rm', '--force', volume], { mayFail: true })
      for (const tag of snapshots) await docker(['image', 'rm', '--force', tag], { mayFail: true })
      rmSync(seeds, { recursive: true, force: true })
    },
  }
}
