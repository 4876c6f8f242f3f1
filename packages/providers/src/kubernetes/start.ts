/** A machine's start, one look at a time: its disk, its walls, its boot file, then what keeps its pod. Each part may be there already. */
import { lookup } from 'node:dns/promises'
import { createHash } from 'node:crypto'
import { ProviderFault, type CallContext, type Machine, type MachineSpec, type Owner, type Step } from '@berth/core'
import { linkAuthorization } from '../bring-daemon.ts'
import { remoteBoot } from '../remote-boot.ts'
import { refuseForeign, type ClusterView, type FoundMachine } from './cluster.ts'
import { meaningOf } from './client.ts'
import { isGoing, isOn, labelsFor, machineOf, nameOf, ownerOf, selectorOf, type Pod, type Secret, type Thing, type Workload } from './machine.ts'
import { isAddress, networkPolicySpec } from './network.ts'
import { pendingOf, refusedFault } from './pending.ts'
import { agentUserOf, BOOT_KEY, HEADER_KEY, podTemplate, type PodOptions } from './pod.ts'
import { WORKLOADS } from './workload.ts'

export interface StartOptions extends PodOptions {
  readonly installation: string
  readonly now: () => number
  readonly storageClass: string | null
  readonly diskGb: number
  readonly allow: readonly string[]
  readonly networkPolicies: 'enforced' | 'unknown'
  /** Without its server for so long a machine ends, where the cluster has Sandboxes. */
  readonly endAfterHours: number
}
export interface StartDeps { readonly cluster: ClusterView; readonly options: StartOptions }
export interface Asked { readonly owner: Owner; readonly spec: MachineSpec }

export const LOOK_AGAIN_MS = 1000
const SPEC_HASH = 'dev.berth.spec'
const LINK = 'dev.berth.link'
const SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024

export const later = (detail: string, poll: Readonly<Record<string, unknown>> = {}): Step<never> => ({ done: false, poll, afterMs: LOOK_AGAIN_MS, detail })

export async function ensure(deps: StartDeps, asked: Asked, context: CallContext): Promise<Step<Machine>> {
  const { cluster } = deps
  const { owner, spec } = asked
  const { signal, log } = context
  signal.throwIfAborted()
  refuseSpec(deps, asked)
  const found = await cluster.find(owner, signal)
  const policy = await cluster.get<Thing>('policy', owner, signal)
  refuseForeign(found, owner, [policy])
  const { claim, secret } = found
  if (isUp(found)) {
    // The daemon's first step has put it on the disk.
    if (secret !== null) await cluster.remove('secret', secret, signal)
    return { done: true, value: machineOf(owner, found) }
  }
  if (isGoing(claim) || isGoing(found.workload)) return later('what was there before goes')
  if (claim === null) {
    log?.(`asking for a disk of ${deps.options.diskGb} GB`)
    await cluster.make('claim', claimBody(deps, owner), signal)
    return { done: false, poll: {}, afterMs: 0, detail: 'the disk is made' }
  }
  await putPolicy(deps, asked, { policy, claim, signal })
  if (!(await putSecret(deps, asked, { secret, claim, signal }))) return later('the boot file of before goes')
  if (found.workload !== null && found.kind !== null && isOn(found.workload)) return waitFor(deps, found, context)
  if (found.pod !== null) return later('the pod of before goes')
  await putWorkload(deps, { owner, spec, claim, found }, signal)
  return later('the pod is made')
}

const isUp = (found: FoundMachine): boolean => found.claim !== null && found.workload !== null && machineOf('foreign', found).observed.state === 'running'

function refuseSpec(deps: StartDeps, { owner, spec }: Asked): void {
  const { options } = deps
  refuseUnenforced(deps, spec.egress)
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.memoryBytes < SMALLEST_MEMORY_BYTES || !(spec.cpus > 0)) throw new ProviderFault('invalid', 'a pod needs memory and a processor', { hint: 'leave them out for the defaults' })
  if (spec.docker === true || spec.sudo === true) throw new ProviderFault('unsupported', 'kubernetes offers neither --docker nor --sudo: pods are restricted', { hint: 'leave them out, or choose the docker provider' })
}

const HOUR_MS = 3_600_000
const endOf = ({ now, endAfterHours }: StartOptions): number => now() + endAfterHours * HOUR_MS

/** A start whose daemon calls home before the next look ends there: its boot file, which is on the disk by then, is taken away by who looks. */
export async function dropBootFile({ cluster, options }: StartDeps, owner: Owner, found: FoundMachine, { signal, log }: { signal: AbortSignal; log: (line: string) => void }): Promise<void> {
  const { secret } = found
  if (secret === null || !isUp(found) || owner.installation !== options.installation || typeof ownerOf(secret, owner) !== 'object') return
  await cluster.remove('secret', secret, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    log(`kubernetes: the boot file of ${secret.metadata.name} could not be taken away: ${error instanceof Error ? error.message : String(error)}`)
  })
}

/** Its end is put off by every server that still looks at it. One that cannot be put off now is at the next look. */
export async function putOffEnd({ cluster, options }: StartDeps, owner: Owner, { workload, kind }: FoundMachine, { signal, log }: { signal: AbortSignal; log: (line: string) => void }): Promise<void> {
  if (workload === null || kind === null || !isOn(workload) || isGoing(workload) || owner.installation !== options.installation || typeof ownerOf(workload, owner) !== 'object') return
  const steps = WORKLOADS[kind].later(endOf(options))
  const left = Date.parse(workload.spec.shutdownTime ?? '') - options.now()
  if (steps.length === 0 || left > options.endAfterHours * HOUR_MS / 2) return
  await cluster.change(kind, workload, steps, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    log(`kubernetes: the end of ${workload.metadata.name} could not be put off: ${error instanceof Error ? error.message : String(error)}`)
  })
}

/** All else belongs to the disk: it is there first, and what is left when it goes, the cluster collects. */
function metadataOf({ options }: StartDeps, owner: Owner, claim: Thing | null): Record<string, unknown> {
  const belongs = claim === null ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: claim.metadata.name, uid: claim.metadata.uid }] }
  return { name: nameOf(owner), labels: labelsFor(owner, options.now()), ...belongs }
}

function claimBody(deps: StartDeps, owner: Owner): Record<string, unknown> {
  const { storageClass, diskGb } = deps.options
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadataOf(deps, owner, null), spec: { accessModes: ['ReadWriteOnce'], ...(storageClass === null ? {} : { storageClassName: storageClass }), resources: { requests: { storage: `${diskGb}Gi` } } } }
}

interface Put { readonly claim: Thing; readonly signal: AbortSignal }

async function putPolicy(deps: StartDeps, { owner, spec }: Asked, { policy, claim, signal }: Put & { policy: Thing | null }): Promise<void> {
  const { linkUrl } = remoteBoot(owner, spec, { isolation: 'container', what: 'a pod' })
  const { body, annotations } = await policyOf(deps, owner, { linkUrl, egress: spec.egress ?? 'open' })
  if (policy === null) return deps.cluster.make('policy', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { ...metadataOf(deps, owner, claim), annotations }, spec: body }, signal)
  await changePolicy(deps, policy, { body, annotations }, signal)
}

interface Policy { readonly body: Record<string, unknown>; readonly annotations: Record<string, string> }

async function policyOf({ options }: StartDeps, owner: Owner, { linkUrl, egress }: { linkUrl: string; egress: 'open' | 'closed' }): Promise<Policy> {
  const body = networkPolicySpec({ selector: selectorOf(owner), linkUrl, linkAddresses: egress === 'closed' ? await addressesOf(linkUrl) : [], egress, allow: options.allow })
  return { body, annotations: { [SPEC_HASH]: createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16), [LINK]: linkUrl } }
}

async function changePolicy({ cluster }: StartDeps, policy: Thing, { body, annotations }: Policy, signal: AbortSignal): Promise<void> {
  if (policy.metadata.annotations?.[SPEC_HASH] === annotations[SPEC_HASH]) return
  await cluster.change('policy', policy, [{ op: 'replace', path: '/spec', value: body }, { op: 'add', path: '/metadata/annotations', value: annotations }], signal)
}

export async function setEgress(deps: StartDeps, { owner, egress }: { owner: Owner; egress: 'open' | 'closed' }, signal: AbortSignal): Promise<void> {
  refuseUnenforced(deps, egress)
  const policy = await deps.cluster.get<Thing>('policy', owner, signal)
  const linkUrl = policy?.metadata.annotations?.[LINK]
  if (policy === null || linkUrl === undefined || typeof ownerOf(policy, owner) !== 'object') throw new ProviderFault('not_found', 'the machine has no walls to change', { hint: 'stop the workspace and start it' })
  await changePolicy(deps, policy, await policyOf(deps, owner, { linkUrl, egress }), signal)
}

/** A network that takes policies and does not keep to them tells nobody. */
function refuseUnenforced({ options }: StartDeps, egress: MachineSpec['egress']): void {
  if (egress === 'closed' && options.networkPolicies !== 'enforced') throw new ProviderFault('unsupported', 'whether the cluster\'s network keeps to policies is not known', { hint: 'where it does (Calico, Cilium and others), `berth provider setup kubernetes --network-policies enforced`; or use --egress open' })
}

/** Policies know addresses alone. */
async function addressesOf(linkUrl: string): Promise<string[]> {
  const host = new URL(linkUrl).hostname.replace(/^\[|\]$/g, '')
  if (isAddress(host) || host.endsWith('.svc') || host.endsWith('.svc.cluster.local')) return []
  const found = await lookup(host, { all: true }).catch((cause: unknown) => { throw new ProviderFault('invalid', `the address of ${host} cannot be found`, { hint: 'set linkUrl in config.yaml to an address of this server that machines can reach', cause }) })
  return found.map(({ address }) => address).sort()
}

/** False: the one of before is in the way. */
async function putSecret(deps: StartDeps, { owner, spec }: Asked, { secret, claim, signal }: Put & { secret: Secret | null }): Promise<boolean> {
  const { cluster, options } = deps
  const boot = remoteBoot(owner, spec, { isolation: 'container', what: 'a pod', agentUser: agentUserOf(options.podSecurity) })
  const encoded = (text: string): string => Buffer.from(text).toString('base64')
  const data = { [BOOT_KEY]: encoded(JSON.stringify(boot)), [HEADER_KEY]: encoded(linkAuthorization(boot)) }
  if (secret?.data?.[BOOT_KEY] === data[BOOT_KEY]) return true
  if (secret !== null) {
    await cluster.remove('secret', secret, signal)
    return false
  }
  await cluster.make('secret', { apiVersion: 'v1', kind: 'Secret', metadata: metadataOf(deps, owner, claim), type: 'Opaque', data }, signal)
  return true
}

async function putWorkload(deps: StartDeps, { owner, spec, claim, found }: Asked & { claim: Thing; found: FoundMachine }, signal: AbortSignal): Promise<void> {
  const { cluster, options } = deps
  const name = nameOf(owner)
  const metadata = metadataOf(deps, owner, claim)
  const { linkUrl } = remoteBoot(owner, spec, { isolation: 'container', what: 'a pod' })
  const template = podTemplate({ name, spec, linkUrl, toolboxHash: spec.boot.toolbox.hash, labels: labelsFor(owner, options.now()) }, options)
  const endsAt = endOf(options)
  if (found.workload !== null && found.kind !== null) return cluster.change(found.kind, found.workload, WORKLOADS[found.kind].on(template, endsAt), signal)
  const [kind = 'statefulset'] = await cluster.workloads(signal)
  await cluster.make(kind, WORKLOADS[kind].body({ metadata, name, selector: selectorOf(owner), template, endsAt }), signal)
}

async function waitFor(deps: StartDeps, { pod, workload }: FoundMachine, { signal, poll = {} }: CallContext): Promise<Step<Machine>> {
  const { cluster, options } = deps
  if (pod === null) {
    const refused = workload === null ? null : await refusalIn(cluster, workload, signal)
    if (refused !== null) throw refusedFault(refused, meaningOf(403, refused))
    return later('the pod is made', poll)
  }
  if (isGoing(pod)) return later('the pod of before goes', poll)
  const pending = pendingOf(pod, options.now())
  if (pending.kind === 'waits') return later(pending.detail, poll)
  if (pending.kind === 'fault') throw pending.fault
  // Once it is made anew, as for a machine that is switched on again; then its own words are the answer.
  const before = poll['madeAnew']
  if (before !== undefined && before !== pod.metadata.uid) throw new ProviderFault('unknown', `${pending.detail}: ${await lastWords(cluster, pod, pending.container, signal)}`, { committed: 'yes', hint: 'see `berth logs`, and the docs for what an image needs' })
  await cluster.remove('pod', pod, signal)
  return later('the pod is made anew', { ...poll, madeAnew: pod.metadata.uid })
}

/** A sandbox says in its condition why it has no pod, a stateful set by an event alone. */
async function refusalIn(cluster: ClusterView, workload: Workload, signal: AbortSignal): Promise<string | null> {
  const said = workload.status?.conditions?.find(({ type, reason }) => type === 'Ready' && reason === 'ReconcilerError')?.message
  if (said !== undefined) return said
  const { items } = await cluster.api.list<Thing & { readonly reason?: string; readonly message?: string; readonly metadata: { readonly creationTimestamp: string } }>(`/api/v1/namespaces/${cluster.access().namespace}/events`, { fieldSelector: `involvedObject.uid=${workload.metadata.uid},reason=FailedCreate`, what: 'asking why there is no pod' }, signal)
  return items.at(-1)?.message ?? null
}

async function lastWords(cluster: ClusterView, pod: Pod, container: string, signal: AbortSignal): Promise<string> {
  const text = await cluster.api.text(`${cluster.path('pod', pod.metadata.name)}/log`, { query: { container, tailLines: '3' }, what: 'reading what it said' }, signal).catch(() => '')
  return text.trim().split('\n').join('; ').slice(0, 300) || 'it said nothing'
}
