/**
 * Pods that really run, as containers of the engine on this host: their users, groups and capabilities, claims as
 * directories that take `fsGroup` as a kubelet gives it, secrets as files, init containers one after the other.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '@berth/sim-machine'
import type { Backend } from './cluster.ts'
import { workspaceImage } from './image.ts'
import type { Container, ContainerStatus, Pod, SecurityContext, Thing, Volume } from './model.ts'
import { statusOf } from './nodes.ts'
import { quantity } from './quantity.ts'

export interface Containers extends Backend {
  /** An image with what a workspace needs, made once on this host. */
  image(): Promise<string>
  /** In the pod's first container, as its user. */
  exec(pod: Pod, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }>
  close(): Promise<void>
}
type Report = Parameters<Backend['run']>[1]['report']
interface Running { stopping: boolean; current: string | null; ended: Promise<void> }
interface Deps { readonly prefix: string; readonly root: string; readonly running: Map<string, Running> }
interface Given { readonly secrets: Readonly<Record<string, Thing | undefined>>; readonly report: Report }

const LABEL = 'berth.sim'
const AGAIN_MS = 500
const STOP_AT_MOST_S = 20

/** `prefix` keeps the containers of two simulators apart. */
export function createContainers(prefix: string): Containers {
  const root = mkdtempSync(join(tmpdir(), 'sim-kubernetes-'))
  chmodSync(root, 0o711)
  const deps: Deps = { prefix, root, running: new Map() }
  const firstOf = ({ metadata: { uid }, spec }: Pod): string => containerName(deps, uid, spec.containers[0]?.name ?? '')
  return {
    image: workspaceImage,
    run(pod, given) {
      const running: Running = { stopping: false, current: null, ended: Promise.resolve() }
      deps.running.set(pod.metadata.uid, running)
      running.ended = live(deps, pod, { ...given, running }).catch((error: unknown) => given.report({ phase: 'Unknown', message: String(error) }))
    },
    async stop({ metadata: { uid } }, graceSeconds) {
      const running = deps.running.get(uid)
      if (running === undefined) return
      running.stopping = true
      if (running.current !== null) await docker(['stop', '--time', String(Math.min(graceSeconds, STOP_AT_MOST_S)), running.current], { mayFail: true })
      await running.ended
      deps.running.delete(uid)
      await remove(deps, `pod=${uid}`)
      rmSync(join(root, 'pods', uid), { recursive: true, force: true })
    },
    async logs(pod, container) {
      const child = Bun.spawn(['sh', '-c', 'exec docker logs "$0" 2>&1', container === null ? firstOf(pod) : containerName(deps, pod.metadata.uid, container)], { stdin: 'ignore', stdout: 'pipe' })
      return new Response(child.stdout).text()
    },
    async removeClaim(claim) { rmSync(claimDir(deps, claim.metadata.namespace, claim.metadata.name), { recursive: true, force: true }) },
    async imageProblem(image) { return (await docker(['image', 'inspect', '--format', '{{.Id}}', image], { mayFail: true })).exitCode === 0 ? null : `failed to resolve reference "${image}": not found` },
    exec: (pod, argv) => docker(['exec', firstOf(pod), ...argv], { mayFail: true }),
    async close() {
      for (const running of deps.running.values()) running.stopping = true
      await remove(deps, `${LABEL}=${prefix}`)
      await Promise.all([...deps.running.values()].map(({ ended }) => ended))
      await remove(deps, `${LABEL}=${prefix}`)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

const containerName = ({ prefix }: Deps, uid: string, container: string): string => `${prefix}-${uid.slice(-6)}-${container}`
const claimDir = ({ root }: Deps, namespace: string | undefined, name: string): string => join(root, 'claims', `${namespace ?? ''}-${name}`)

async function remove({ prefix }: Deps, label: string): Promise<void> {
  const { stdout } = await docker(['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${prefix}`, '--filter', `label=${label}`], { mayFail: true })
  const ids = stdout.split('\n').filter(Boolean)
  if (ids.length > 0) await docker(['rm', '--force', '--volumes', ...ids], { mayFail: true })
}

/** From its images to its end: resolves when it is to stop and has. */
async function live(deps: Deps, pod: Pod, given: Given & { running: Running }): Promise<void> {
  const { running, report } = given
  const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const condition = (type: string, is: boolean) => ({ type, status: is ? 'True' : 'False', lastTransitionTime: now() })
  const inits = pod.spec.initContainers ?? []
  const all = [...inits, ...pod.spec.containers]
  for (const container of all) {
    if ((await docker(['image', 'inspect', '--format', '{{.Id}}', container.image], { mayFail: true })).exitCode === 0) continue
    const waiting = statusOf(container, { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${container.image}": ErrImagePull: failed to resolve reference "${container.image}": not found` } })
    return report(inits.includes(container) ? { initContainerStatuses: [waiting] } : { containerStatuses: [waiting] })
  }
  const volumes = prepare(deps, pod, given.secrets)
  const done: ContainerStatus[] = []
  for (const container of inits) {
    for (let restartCount = 0; ; restartCount += 1) {
      if (running.stopping) return
      const exitCode = await whole(deps, pod, { container, volumes, running })
      if (exitCode === 0 || running.stopping) break
      report({ initContainerStatuses: [...done, statusOf(container, { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container ${container.name}` } }, { restartCount, lastState: { terminated: { exitCode, reason: 'Error', finishedAt: now() } } })] })
      await Bun.sleep(AGAIN_MS)
    }
    done.push(statusOf(container, { terminated: { exitCode: 0, reason: 'Completed', finishedAt: now() } }, { ready: true }))
  }
  const [container] = pod.spec.containers
  for (let restartCount = 0; container !== undefined && !running.stopping; restartCount += 1) {
    const ended = whole(deps, pod, { container, volumes, running })
    report({ phase: 'Running', podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }], initContainerStatuses: done, containerStatuses: [statusOf(container, { running: { startedAt: now() } }, { restartCount })], conditions: [condition('Initialized', true), condition('ContainersReady', true), condition('Ready', true)] })
    const exitCode = await ended
    if (running.stopping) return
    report({ containerStatuses: [statusOf(container, { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container ${container.name}` } }, { restartCount: restartCount + 1, lastState: { terminated: { exitCode, reason: 'Error', finishedAt: now() } } })], conditions: [condition('ContainersReady', false), condition('Ready', false)] })
    await Bun.sleep(AGAIN_MS)
  }
}

/** One container until it ends; its exit code. */
async function whole(deps: Deps, pod: Pod, { container, volumes, running }: { container: Container; volumes: ReadonlyMap<string, string>; running: Running }): Promise<number> {
  const name = containerName(deps, pod.metadata.uid, container.name)
  await docker(['rm', '--force', name], { mayFail: true })
  running.current = name
  await docker(['run', '--detach', '--name', name, '--label', `${LABEL}=${deps.prefix}`, '--label', `pod=${pod.metadata.uid}`, ...argvOf(pod, container, volumes)])
  const { stdout } = await docker(['wait', name], { mayFail: true })
  return Number(stdout || 137)
}

function argvOf({ metadata, spec }: Pod, container: Container, volumes: ReadonlyMap<string, string>): string[] {
  const { resources = {}, volumeMounts = [], env = [], command = [], args = [] } = container
  const limit = (option: string, amount: string | undefined): string[] => (amount === undefined ? [] : [option, String(quantity(amount))])
  return [
    '--hostname', metadata.name, '--add-host', 'host.docker.internal:host-gateway', ...(spec.shareProcessNamespace === true ? ['--init'] : []),
    ...rightsOf(spec.securityContext ?? {}, container.securityContext ?? {}), ...limit('--memory', resources.limits?.['memory']), ...limit('--cpus', resources.limits?.['cpu']),
    ...env.flatMap(({ name, value = '' }) => ['--env', `${name}=${value}`]), ...(container.workingDir === undefined ? [] : ['--workdir', container.workingDir]),
    ...volumeMounts.flatMap(({ name, mountPath, subPath, readOnly }) => ['--volume', `${within(volumes.get(name) ?? '', subPath)}:${mountPath}${readOnly === true ? ':ro' : ''}`]),
    ...(command[0] === undefined ? [] : ['--entrypoint', command[0]]), container.image, ...command.slice(1), ...args,
  ]
}

function rightsOf(whole: SecurityContext, { runAsUser = whole.runAsUser, runAsGroup = whole.runAsGroup ?? 0, capabilities: { add = [], drop = [] } = {}, allowPrivilegeEscalation }: SecurityContext): string[] {
  return [
    ...(runAsUser === undefined ? [] : ['--user', `${runAsUser}:${runAsGroup}`]), ...(whole.fsGroup === undefined ? [] : ['--group-add', String(whole.fsGroup)]),
    ...drop.flatMap((each) => ['--cap-drop', each]), ...add.flatMap((each) => ['--cap-add', each]), ...(allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges'] : []),
  ]
}

/** A kubelet makes a missing sub-path itself, as root. */
function within(dir: string, subPath: string | undefined): string {
  if (subPath === undefined) return dir
  const path = join(dir, subPath)
  if (!existsSync(path)) mkdirSync(path, { mode: 0o750 })
  return path
}

function prepare(deps: Deps, pod: Pod, secrets: Given['secrets']): ReadonlyMap<string, string> {
  const group = pod.spec.securityContext?.fsGroup
  return new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, directoryOf(deps, pod, { volume, secrets, group })]))
}

function directoryOf(deps: Deps, pod: Pod, { volume, secrets, group }: { volume: Volume; secrets: Given['secrets']; group: number | undefined }): string {
  const { persistentVolumeClaim: claim, secret, emptyDir } = volume
  const dir = claim === undefined ? join(deps.root, 'pods', pod.metadata.uid, volume.name) : claimDir(deps, pod.metadata.namespace, claim.claimName)
  mkdirSync(dir, { recursive: true })
  if (secret?.secretName !== undefined) {
    for (const [key, value] of Object.entries((secrets[secret.secretName]?.data ?? {}) as Record<string, string>)) {
      writeFileSync(join(dir, key), Buffer.from(value, 'base64'))
      // Who is in the group may read it, whatever the mode says.
      chmodSync(join(dir, key), (secret.defaultMode ?? 0o644) | (group === undefined ? 0 : 0o440))
      if (group !== undefined) chownSync(join(dir, key), 0, group)
    }
  }
  if (group !== undefined) chownSync(dir, 0, group)
  chmodSync(dir, emptyDir === undefined ? (group === undefined ? 0o755 : 0o2775) : 0o2777)
  return dir
}
