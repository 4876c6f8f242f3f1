/** A cluster with one namespace, `restricted`, and a credential that has the role of the docs and no more. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MachineSpec, Owner } from '@berth/core'
import { admin, kubeconfig, serviceAccount, startKubernetes, type KubernetesSim, type Pod } from '@berth/sim-kubernetes'
import { nameOf } from './machine.ts'

export const NAMESPACE = 'berth-workspaces'
export const IMAGE = 'registry.example/workspace:1'
export const ROLE_PATH = join(import.meta.dir, '../../../../docs/kubernetes/role.yaml')
const ADMIN_TOKEN = 'admin-token-of-the-test'
const TOKEN = 'token-of-the-test'

export interface TestCluster {
  readonly sim: KubernetesSim
  /** Of a user who has the role of the docs. */
  readonly kubeconfig: string
  readonly dir: string
  asAdmin(method: string, path: string, body?: unknown): Promise<Response>
  podOf(owner: Owner): Pod | null
  close(): Promise<void>
}

export async function openCluster(options: Parameters<typeof startKubernetes>[0] = {}, tls?: { readonly ca: string }): Promise<TestCluster> {
  const sim = startKubernetes(options)
  const { world } = sim
  world.tokens.set(ADMIN_TOKEN, admin)
  world.tokens.set(TOKEN, serviceAccount(NAMESPACE, 'berth'))
  world.addNamespace(NAMESPACE, { 'pod-security.kubernetes.io/enforce': 'restricted' })
  const dir = mkdtempSync(join(tmpdir(), 'berth-kubernetes-'))
  const path = join(dir, 'kubeconfig')
  writeFileSync(path, kubeconfig({ url: sim.url, namespace: NAMESPACE, user: { token: TOKEN }, ...(tls === undefined ? {} : { ca: tls.ca }) }), { mode: 0o600 })
  const asAdmin: TestCluster['asAdmin'] = (method, at, body) => sim.fetch(new Request(`${sim.url}${at}`, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }))
  for (const thing of roleThings()) {
    const answer = await asAdmin('POST', `${thing.apiVersion === 'v1' ? '/api/v1' : `/apis/${thing.apiVersion}`}/namespaces/${NAMESPACE}/${thing.kind.toLowerCase()}s`, thing)
    if (!answer.ok) throw new Error(await answer.text())
  }
  world.asked.length = 0
  return {
    sim, dir, asAdmin, kubeconfig: path,
    podOf: (owner) => world.pod(NAMESPACE, nameOf(owner)) ?? world.pod(NAMESPACE, `${nameOf(owner)}-0`),
    async close() {
      await sim.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export interface RoleThing { readonly apiVersion: string; readonly kind: string; readonly rules?: readonly { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] }[] }
export const roleThings = (): readonly RoleThing[] => Bun.YAML.parse(readFileSync(ROLE_PATH, 'utf8')) as RoleThing[]

export const testSpec = (): MachineSpec => ({ image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } })
