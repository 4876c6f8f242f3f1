/**
 * Brings the engine beside a machine up. It holds nothing itself, its disk is in volumes: so it is made anew for each
 * start of the machine, in whose network it lives.
 */
import { ProviderFault, type CallContext, type MachineSpec, type Owner } from '@berth/core'
import { createCompanion, inspectCompanion, removeCompanion, startCompanion, type CompanionState } from '../companions.ts'
import type { Engine } from '../engine.ts'
import type { ImageDeps } from '../images.ts'
import type { Jobs } from '../jobs.ts'
import { companionName, labelsOf, volumeName } from '../names.ts'
import { demultiplex } from '../output.ts'
import { ensureVolume } from '../volumes.ts'
import { insideBody, READY_PATH, type InsidePlan } from './container.ts'
import { ensureEngineImage } from './image.ts'

export interface InsideDeps { readonly engine: Engine; readonly jobs: Jobs<string>; readonly images: Omit<ImageDeps, 'log'> }
export interface InsideCall {
  readonly owner: Owner
  readonly spec: MachineSpec
  readonly machine: { readonly id: string; readonly startedAt: number }
  readonly gid: number
  readonly same: InsidePlan['same']
}

const NAME = 'docker'
const IMAGE_PATIENCE_MS = 1500
const LOOK_EVERY_MS = 100
const WITHIN_ONE_CALL_MS = 10_000
/** On a slow disk it takes a while to look through what it has; beyond this it never comes. */
const READY_WITHIN_MS = 90_000
const LINES_SHOWN = 3

/** Asked before the machine is made, which then waits for nothing but a start. */
export function waitForEngineImage({ jobs, images }: InsideDeps, context: CallContext): Promise<{ value: string } | { detail: string }> {
  return jobs.wait({ key: 'engine', keep: false, patienceMs: IMAGE_PATIENCE_MS, make: ({ log, signal }) => ensureEngineImage({ ...images, log }, signal) }, context)
}

/** Whether one is beside the machine, also where it does not run now. */
export const hasEngine = async (engine: Engine, owner: Owner, signal: AbortSignal): Promise<boolean> => (await inspectCompanion(engine, { owner, name: NAME }, signal)) !== null

/** Null: it answers. Else what it waits for; called again later. */
export async function bringInside(deps: InsideDeps, call: InsideCall, context: CallContext): Promise<{ detail: string } | null> {
  const { engine } = deps
  const { owner, machine } = call
  const { signal } = context
  const found = await inspectCompanion(engine, { owner, name: NAME }, signal)
  const isOfThisStart = found !== null && found.HostConfig.NetworkMode === `container:${machine.id}` && found.State.Status !== 'created' && startedAt(found) >= machine.startedAt
  if (!isOfThisStart) {
    const image = await waitForEngineImage(deps, context)
    if ('detail' in image) return image
    if (found !== null) await removeCompanion(engine, found.Id, signal)
    await make(engine, { ...call, image: image.value }, signal)
  }
  return waitUntilReady(engine, owner, signal)
}

const startedAt = ({ State }: CompanionState): number => Date.parse(State.StartedAt ?? '') || 0

async function make(engine: Engine, { owner, spec, machine, gid, same, image }: InsideCall & { image: string }, signal: AbortSignal): Promise<void> {
  const Labels = labelsOf(owner, Date.now())
  const [data, shared] = [volumeName(owner, 'docker'), volumeName(owner, 'docker-shared')]
  for (const Name of [data, shared]) await ensureVolume(engine, { owner, Name, Labels }, signal)
  try {
    await createCompanion(engine, { owner, name: NAME, body: insideBody({ image, machineId: machine.id, gid, spec, same, data, shared }) }, signal)
    await startCompanion(engine, { owner, name: NAME }, signal)
  } catch (error) {
    if (!(error instanceof ProviderFault) || !/caps|capabilit|seccomp|operation not permitted|permission denied|cgroup/i.test(error.message)) throw error
    throw notAllowed(error.message, error)
  }
}

async function waitUntilReady(engine: Engine, owner: Owner, signal: AbortSignal): Promise<{ detail: string } | null> {
  const path = `/containers/${companionName(owner, NAME)}/archive`
  for (const until = performance.now() + WITHIN_ONE_CALL_MS; performance.now() < until;) {
    const ready = await engine.call(path, { method: 'HEAD', query: { path: READY_PATH }, what: 'looking whether Docker is ready', accept: [404] }, signal)
    if (ready.status === 200) return null
    const found = await inspectCompanion(engine, { owner, name: NAME }, signal)
    if (found === null || ['exited', 'dead'].includes(found.State.Status)) throw notAllowed(await lastWords(engine, owner, signal))
    if (Date.now() - startedAt(found) > READY_WITHIN_MS) throw notAllowed(`it did not answer within ${READY_WITHIN_MS / 1000} s. ${await lastWords(engine, owner, signal)}`)
    await Bun.sleep(LOOK_EVERY_MS)
  }
  return { detail: 'starting Docker beside the machine' }
}

function notAllowed(why: string, cause?: unknown): ProviderFault {
  return new ProviderFault('unsupported', `Docker does not run beside a machine here: ${why}`, { hint: 'this host does not allow what it needs: leave --docker out, or use another host', ...(cause === undefined ? {} : { cause }) })
}

async function lastWords(engine: Engine, owner: Owner, signal: AbortSignal): Promise<string> {
  const answer = await engine.call(`/containers/${companionName(owner, NAME)}/logs`, { query: { stdout: '1', stderr: '1', tail: '40' }, what: 'reading what Docker said', accept: [404, 409] }, signal)
  if (answer.status !== 200) return 'it said nothing'
  const lines = new TextDecoder().decode(demultiplex(new Uint8Array(await answer.arrayBuffer()))).split('\n').map((line) => line.trim()).filter(Boolean)
  const errors = lines.filter((line) => /level=(?:error|fatal)|^failed|not permitted|denied|mount:/i.test(line))
  return (errors.length > 0 ? errors : lines).slice(-LINES_SHOWN).join('; ').slice(0, 600) || 'it said nothing'
}
