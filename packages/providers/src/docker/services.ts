/** Brings the services of a compose file up beside a machine, in their order, and waits for those that others wait for. */
import type { CallContext, MachineSpec, Owner } from '@berth/core'
import { createCompanion, inspectCompanion, removeCompanion, startCompanion, type CompanionState } from './companions.ts'
import type { ReadyService } from './devcontainer/compose/service-images.ts'
import type { ServiceShape } from './devcontainer/compose/service.ts'
import type { Engine } from './engine.ts'
import type { HoldNetwork, ServiceNetwork } from './service-network.ts'
import { labelsOf, machineName, serviceName, serviceVolumeName, volumeName } from './names.ts'
import { ensureVolume } from './volumes.ts'

export interface ServicesCall {
  readonly owner: Owner
  readonly spec: Pick<MachineSpec, 'memoryBytes' | 'cpus' | 'pids'>
  readonly machine: { readonly id: string; readonly startedAt: number }
  readonly services: readonly ReadyService[]
  /** A network with walls for a service that has its own. Null: the engine is elsewhere, and there are none. */
  readonly hold: HoldNetwork | null
}

/** What an engine gives by default, without what makes devices or raw packets. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'] as const
const RESTARTS = 5
const STOP_GRACE_S = 10
const LOOK_EVERY_MS = 100
const WITHIN_ONE_CALL_MS = 5_000
/** A service that is not healthy by then keeps nobody from working in the machine. */
const HEALTHY_WITHIN_MS = 90_000

/** Null: all that must be waited for is there. Else what it waits for; called again later. */
export async function bringServices(engine: Engine, call: ServicesCall, context: CallContext): Promise<{ detail: string } | null> {
  const until = performance.now() + WITHIN_ONE_CALL_MS
  for (const service of call.services) {
    for (const { name, condition } of service.shape.after) {
      const waiting = call.services.some((other) => other.name === name) ? await waitFor(engine, { owner: call.owner, name, condition, until }, context) : null
      if (waiting !== null) return waiting
    }
    await bring(engine, call, { service, context })
  }
  return null
}

async function bring(engine: Engine, call: ServicesCall, { service, context }: { service: ReadyService; context: CallContext }): Promise<void> {
  const { owner, machine } = call
  const { signal, log } = context
  const name = serviceName(service.name)
  // The machine's, or one of its own that is held for it.
  const joins: ServiceNetwork | null = service.shape.networkOf !== null ? machine : (await call.hold?.(service, context)) ?? null
  let found = await inspectCompanion(engine, { owner, name }, signal)
  if (found !== null && joins !== null && found.HostConfig.NetworkMode !== `container:${joins.id}`) {
    await removeCompanion(engine, found.Id, signal)
    found = null
  }
  if (found === null) {
    log?.(`creating the service ${service.name}`)
    await makeVolumes(engine, owner, { service, signal })
    await createCompanion(engine, { owner, name, body: serviceBody(call, service, joins) }, signal)
  } else if (joins !== null && found.State.Status === 'running' && startedAt(found) < joins.startedAt) {
    // The network that it was in went with its holder's last run.
    const answer = await engine.call(`/containers/${found.Id}/stop`, { method: 'POST', what: `restarting the service ${service.name}`, accept: [304, 404] }, signal)
    await answer.body?.cancel()
  } else if (startedAt(found) >= (joins ?? machine).startedAt) return
  await startCompanion(engine, { owner, name }, signal)
}

const startedAt = ({ State }: CompanionState): number => Date.parse(State.StartedAt ?? '') || 0

async function makeVolumes(engine: Engine, owner: Owner, { service, signal }: { service: ReadyService; signal: AbortSignal }): Promise<void> {
  for (const { name } of service.shape.volumes) if (name !== null) await ensureVolume(engine, { owner, Name: serviceVolumeName(owner, name), Labels: labelsOf(owner, Date.now()) }, signal)
}

async function waitFor(engine: Engine, { owner, name, condition, until }: { owner: Owner; name: string; condition: string; until: number }, { signal, log }: CallContext): Promise<{ detail: string } | null> {
  if (condition !== 'service_healthy' && condition !== 'service_completed_successfully') return null
  for (;;) {
    const found = await inspectCompanion(engine, { owner, name: serviceName(name) }, signal)
    if (found === null) return null
    const { Status, Health } = found.State
    if (Status === 'exited' || Status === 'dead' || Health?.Status === 'healthy' || (condition === 'service_healthy' && Health === undefined)) return null
    if (Date.now() - startedAt(found) > HEALTHY_WITHIN_MS) {
      log?.(`the service ${name} is still not ready; going on without it`)
      return null
    }
    if (performance.now() > until) return { detail: `waiting for the service ${name}` }
    await Bun.sleep(LOOK_EVERY_MS)
  }
}

function serviceBody(call: ServicesCall, { name, image, shape }: ReadyService, joins: ServiceNetwork | null): Record<string, unknown> {
  const network = machineName(call.owner)
  const said = { User: shape.user, WorkingDir: shape.workingDir, StopSignal: shape.stopSignal, Healthcheck: shape.healthcheck, Hostname: joins !== null ? null : name.slice(0, HOSTNAME_LIMIT) }
  return {
    Image: image, ...commandOf(shape), Env: Object.entries(shape.env).map(([key, value]) => `${key}=${value}`), StopTimeout: STOP_GRACE_S, Tty: false,
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)),
    HostConfig: { ...wallsOf(call, shape), NetworkMode: joins !== null ? `container:${joins.id}` : network, Mounts: mountsOf(call.owner, shape) },
    ...(joins !== null ? {} : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: shape.aliases } } } }),
  }
}
const HOSTNAME_LIMIT = 63

/** Another entrypoint means that the image's command is none of its arguments. */
function commandOf({ entrypoint, command }: ServiceShape): Record<string, unknown> {
  return { ...(entrypoint === null ? {} : { Entrypoint: entrypoint, Cmd: [] }), ...(command === null ? {} : { Cmd: command }) }
}

const SMALLEST_MEMORY_BYTES = 6 * 1024 * 1024
function wallsOf({ spec }: ServicesCall, shape: ServiceShape): Record<string, unknown> {
  const memory = Math.max(Math.min(shape.memoryBytes ?? spec.memoryBytes, spec.memoryBytes), SMALLEST_MEMORY_BYTES)
  return {
    // What does not hear its end as the first process would take its whole grace at each stop.
    Init: true, Memory: memory, MemorySwap: memory, NanoCpus: Math.round(Math.min(shape.cpus ?? spec.cpus, spec.cpus) * 1e9), PidsLimit: spec.pids,
    CapDrop: ['ALL'], CapAdd: [...CAPABILITIES, ...shape.capAdd], SecurityOpt: ['no-new-privileges'],
    // Never by itself after the engine's own start: whether it runs is the machine's matter.
    RestartPolicy: shape.restart ? { Name: 'on-failure', MaximumRetryCount: RESTARTS } : { Name: 'no' }, LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
    ...(shape.shmSizeBytes === null ? {} : { ShmSize: Math.min(shape.shmSizeBytes, memory) }),
    Tmpfs: Object.fromEntries(shape.tmpfs.map((target) => [target.split(':')[0] ?? target, 'rw,nosuid,nodev'])),
  }
}

function mountsOf(owner: Owner, { volumes, code }: ServiceShape): Record<string, unknown>[] {
  return [
    ...volumes.map((one) => ({ Type: 'volume', Target: one.target, ReadOnly: one.readOnly, ...(one.name === null ? {} : { Source: serviceVolumeName(owner, one.name) }) })),
    ...code.map(({ target, readOnly }) => ({ Type: 'volume', Source: volumeName(owner, 'work'), Target: target, ReadOnly: readOnly })),
  ]
}
