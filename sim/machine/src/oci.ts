/**
 * A machine that runs a container image as clouds without cloud-init do: files are put into the image's disk, one program
 * is its first, and whatever it changes beside its volume is gone when it ends. For simulators only; it has the rights of
 * a container with SYS_ADMIN, where the vendor gives a kernel of its own.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { docker } from './docker.ts'

export interface OciMachine {
  readonly name: string
  readonly hostname: string
  readonly image: string
  /** The first program. Absent: the image's own. */
  readonly exec?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly files: readonly { readonly path: string; readonly mode: number; readonly content: Uint8Array }[]
  /** Names of volumes, by where they are mounted. */
  readonly volumes: Readonly<Record<string, string>>
}
export interface OciMachines {
  /** Null: it can be had. */
  imageProblem(image: string): Promise<string | null>
  /** Anew from its image: with the files, and without what it wrote before. */
  start(machine: OciMachine): Promise<void>
  /** Resolves when it is down; after the time it is ended whatever it does. */
  stop(name: string, options: { signal: string; withinMs: number }): Promise<void>
  remove(name: string): Promise<void>
  removeVolume(name: string): Promise<void>
  /** As root in it; for tests that look. */
  exec(name: string, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }>
  /** What its first program said. */
  logs(name: string): Promise<string>
  /** Called when a machine went down, whoever did it. */
  onDown(listener: (name: string, exitCode: number) => void): void
  /** All that it made. */
  close(): Promise<void>
}

const LABEL = 'berth.sim'

/** `prefix` keeps the containers of two simulators apart. */
export function createOciMachines(prefix: string): OciMachines {
  const listeners: ((name: string, exitCode: number) => void)[] = []
  const volumes = new Set<string>()
  const of = (name: string): string => `${prefix}-${name}`
  /** Of the one that runs now: one that was made anew meanwhile is another. */
  const runs = new Map<string, string>()
  const remove = (name: string): Promise<unknown> => {
    runs.delete(name)
    return docker(['rm', '--force', '--volumes', of(name)], { mayFail: true })
  }
  return {
    async imageProblem(image) { return (await docker(['image', 'inspect', '--format', '{{.Id}}', image], { mayFail: true })).exitCode === 0 ? null : `failed to get manifest ${image}: not found` },
    async start({ name, hostname, image, exec, env = {}, files, volumes: mounts }) {
      await remove(name)
      for (const volume of Object.values(mounts)) {
        await docker(['volume', 'create', '--label', `${LABEL}=${prefix}`, of(volume)])
        volumes.add(of(volume))
      }
      const [first, ...rest] = exec ?? []
      const { stdout: id } = await docker([
        'create', '--name', of(name), '--hostname', hostname, '--label', `${LABEL}=${prefix}`, '--init', '--add-host', 'host.docker.internal:host-gateway',
        '--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined',
        ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]), ...Object.entries(mounts).flatMap(([at, volume]) => ['--volume', `${of(volume)}:${at}`]),
        ...(first === undefined ? [] : ['--entrypoint', first]), image, ...rest,
      ])
      await putFiles(of(name), files)
      await docker(['start', of(name)])
      runs.set(name, id)
      void docker(['wait', id], { mayFail: true }).then(({ stdout }) => {
        if (runs.get(name) !== id) return
        runs.delete(name)
        for (const tell of listeners) tell(name, Number(stdout || 137))
      })
    },
    async stop(name, { signal, withinMs }) {
      const down = docker(['wait', of(name)], { mayFail: true })
      await docker(['kill', '--signal', signal, of(name)], { mayFail: true })
      const late = setTimeout(() => void docker(['kill', of(name)], { mayFail: true }), withinMs)
      await down.finally(() => clearTimeout(late))
    },
    async remove(name) { await remove(name) },
    async removeVolume(name) {
      volumes.delete(of(name))
      await docker(['volume', 'rm', '--force', of(name)], { mayFail: true })
    },
    exec: (name, argv) => docker(['exec', of(name), ...argv], { mayFail: true }),
    async logs(name) {
      const child = Bun.spawn(['sh', '-c', 'exec docker logs "$0" 2>&1', of(name)], { stdin: 'ignore', stdout: 'pipe' })
      return new Response(child.stdout).text()
    },
    onDown(listener) { listeners.push(listener) },
    async close() {
      runs.clear()
      const { stdout } = await docker(['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${prefix}`])
      const ids = stdout.split('\n').filter(Boolean)
      if (ids.length > 0) await docker(['rm', '--force', '--volumes', ...ids], { mayFail: true })
      for (const volume of volumes) await docker(['volume', 'rm', '--force', volume], { mayFail: true })
    },
  }
}

/** Into a container that has not started; root's, with these modes, their directories made. */
async function putFiles(container: string, files: OciMachine['files']): Promise<void> {
  if (files.length === 0) return
  const dir = mkdtempSync(join(tmpdir(), 'sim-oci-'))
  try {
    const names = new Set<string>()
    for (const { path, mode, content } of files) {
      const name = relative('/', path)
      mkdirSync(join(dir, dirname(name)), { recursive: true, mode: 0o755 })
      writeFileSync(join(dir, name), content)
      if (dirname(name) !== '.') names.add(dirname(name))
      names.add(name)
      chmodSync(join(dir, name), mode)
    }
    const tar = Bun.spawn(['tar', '--create', '--no-recursion', '--owner=0', '--group=0', '--directory', dir, ...names], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    await docker(['cp', '-', `${container}:/`], { stdin: await new Response(tar.stdout).blob() })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
