/** Kubernetes: nothing has a price there, so what is charged for is what stands in the namespace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Owner } from '@berth/core'
import { createKubernetesProvider } from '@berth/providers/kubernetes'
import { admin, kubeconfig, startKubernetes, type Fault, type KubernetesSim, type Pod, type Thing } from '@berth/sim-kubernetes'
import { endOf, numberOf, type Open, type Random } from './vendor.ts'

const NAMESPACE = 'berth'
const TOKEN = 'token-of-the-test'
const PATHS = [/persistentvolumeclaims$/, /persistentvolumeclaims\/./, /statefulsets$/, /statefulsets\/./, /sandboxes$/, /sandboxes\/./, /secrets/, /networkpolicies/, /\/pods/, /^\/apis\/agents/, /./]
const KINDS: Readonly<Record<string, string>> = { PersistentVolumeClaim: 'disk', NetworkPolicy: 'walls', StatefulSet: 'workload', Sandbox: 'workload', Pod: 'pod', Secret: 'boot file' }

function faultOf(random: Random): Fault {
  const what = random.pick<Fault['what']>([
    { kind: 'refuse', status: 429, reason: 'TooManyRequests', headers: { 'retry-after': '2' } }, { kind: 'refuse', status: 503, reason: 'ServiceUnavailable' }, { kind: 'refuse', status: 500, reason: 'InternalError' }, { kind: 'refuse', status: 409, reason: 'Conflict' }, { kind: 'refuse', status: 410, reason: 'Expired' },
    { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'lost' }, { kind: 'truncated' }, { kind: 'stale' }, { kind: 'repeated' },
  ])
  const method = what.kind === 'lost' || what.kind === 'after' ? random.pick(['POST', 'POST', 'PATCH', 'DELETE', undefined]) : undefined
  return { path: random.pick(PATHS), times: 1 + random.int(4), what, ...(method === undefined ? {} : { method }) }
}

/** As often by sandboxes as by stateful sets. */
export const openKubernetes: Open = ({ installation, clock, random, mutation = {}, lookAlike }) => {
  const ms = random.pick([0, 0, 2_000, 20_000])
  const hasSandboxes = random.int(2) === 0
  const cluster = startKubernetes({ now: clock.now, startMs: ms, stopMs: ms, sandboxes: hasSandboxes })
  const { world } = cluster
  const dir = mkdtempSync(join(tmpdir(), 'leak-kubernetes-'))
  writeFileSync(join(dir, 'kubeconfig'), kubeconfig({ url: cluster.url, namespace: NAMESPACE, user: { token: TOKEN } }))
  world.tokens.set(TOKEN, admin)
  world.addNamespace(NAMESPACE, { 'pod-security.kubernetes.io/enforce': 'restricted' })
  const disks: string[] = []
  const strangers = addStrangers(cluster, lookAlike)
  world.store.listen(({ type, thing }) => { if (type === 'ADDED' && thing.kind === 'PersistentVolumeClaim') disks.push(thing.metadata.name) })
  const fetch = mutation.fetch?.(cluster.fetch) ?? cluster.fetch
  const made = createKubernetesProvider({ installation, log: () => {}, kubeconfig: join(dir, 'kubeconfig'), image: 'registry.example/workspace:1', fetch, now: clock.now, ...endOf(mutation) })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (name: string): string => (strangers.has(name) ? 'foreign' : /-ws-([a-z0-9]+)-g/.exec(name)?.[1] ?? 'nobody')
  const pods = (): Pod[] => world.standing().filter((thing): thing is Pod => thing.kind === 'Pod' && whoseIs(thing.metadata.name) !== 'foreign' && thing.metadata.deletionTimestamp === undefined)
  const up = (): Pod[] => pods().filter(({ status }) => status.phase === 'Running' && status.containerStatuses?.[0]?.state.running !== undefined)
  return {
    provider, foreign: [...strangers], keeps: ['disk', 'walls', 'workload'], free: ['boot file'],
    running(id) {
      world.settle()
      return up().some(({ metadata }) => whoseIs(metadata.name) === numberOf(id))
    },
    charged() {
      world.settle()
      return world.standing().map(({ kind, metadata: { name } }) => ({ kind: KINDS[kind] ?? kind, name, whose: whoseIs(name) }))
    },
    disks: () => disks,
    foreignLeft: () => world.standing().map(({ metadata }) => metadata.name).filter((name) => strangers.has(name)),
    addFault() { world.faults.push(faultOf(random)) },
    limitCapacity(to) { world.limitCapacity(() => to === 'all' || (to === 'some' && up().length === 0)) },
    stick: (is) => world.stick(is),
    switchOff() {
      const [pod] = up().length === 0 ? [] : [random.pick(up())]
      if (pod === undefined) return
      if (random.int(2) === 0) world.crash(pod)
      else world.evict(pod)
    },
    setToken(good) {
      if (good) world.tokens.set(TOKEN, admin)
      else world.tokens.delete(TOKEN)
    },
    // By the clock that the cluster has.
    leaveAlone() {
      world.settle()
      return hasSandboxes
    },
    calm() {
      world.faults.length = 0
      world.limitCapacity(() => true)
      world.stick(false)
      world.tokens.set(TOKEN, admin)
    },
    requests: () => world.asked.length,
    wrong: () => [...cluster.faulty, ...cluster.refused],
    async close() {
      await cluster.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Others in the same namespace: with a name like ours and no label, with labels like ours of another installation, with a part of them. */
function addStrangers({ world }: KubernetesSim, owners: readonly Owner[]): Set<string> {
  const names = new Set<string>()
  const add = (kind: string, name: string, labels: Record<string, string>, more: Partial<Thing> = {}): void => {
    names.add(name)
    world.store.add(world.cluster.resource(kind), { apiVersion: '', kind, metadata: { name, namespace: NAMESPACE, labels }, ...more })
  }
  const disk = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }, status: { phase: 'Bound' } }
  for (const { workspaceId, generation } of owners) {
    const its = workspaceId.replace('_', '-')
    add('PersistentVolumeClaim', `stranger-${its}`, { team: 'data' }, disk)
    add('PersistentVolumeClaim', `berth-ffffffff-${its}-other`, { 'dev.berth.installation': 'f'.repeat(32), 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) }, disk)
    add('NetworkPolicy', `walls-of-${its}`, { 'dev.berth.workspace': workspaceId }, { spec: { podSelector: {}, policyTypes: ['Ingress'] } })
    add('Secret', `secret-of-${its}`, { 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) }, { data: {} })
  }
  return names
}
