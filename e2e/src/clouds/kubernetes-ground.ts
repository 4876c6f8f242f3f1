/**
 * A cluster whose pods really run: a simulator whose objects the official client describes, a namespace whose level refuses
 * what goes beyond it, with the role of the docs, and a way in to this server. The capability test on it.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { admin, createContainers, createTls, kubeconfig, serviceAccount, startKubernetes, type KubernetesSim } from '@berth/sim-kubernetes'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const NAMESPACE = 'berth-workspaces'
const TOKEN = 'token-of-the-service-account'
const ADMIN = 'token-of-the-administrator'

interface Level { readonly sandboxes: boolean; readonly podSecurity: 'restricted' | 'baseline' }
export interface KubernetesGround {
  readonly cluster: KubernetesSim
  /** An address of this host that its pods reach. */
  readonly bridge: string
  /** What a person sets; the home's server has not started. `config`: further lines of its settings. */
  setUp(home: string, config?: string): Promise<void>
  /** What is there of one workspace, by name. */
  inventory(workspaceId: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** `token`: of the service account that the server has. */
export function startKubernetesGround({ sandboxes, podSecurity, token = TOKEN }: Level & { readonly token?: string }): KubernetesGround {
  const tls = createTls()
  const containers = createContainers(`sim-kubernetes-${process.pid}`)
  const cluster = startKubernetes({ backend: containers, tls: { cert: tls.cert, key: tls.key }, sandboxes })
  const { world } = cluster
  world.tokens.set(ADMIN, admin).set(token, serviceAccount(NAMESPACE, 'berth'))
  world.addNamespace(NAMESPACE, { 'pod-security.kubernetes.io/enforce': podSecurity })
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)

  /** As an administrator does with kubectl. */
  async function applyRole(): Promise<void> {
    for (const thing of Bun.YAML.parse(readFileSync(join(import.meta.dir, '../../../docs/kubernetes/role.yaml'), 'utf8')) as { apiVersion: string; kind: string }[]) {
      const root = thing.apiVersion === 'v1' ? '/api/v1' : `/apis/${thing.apiVersion}`
      const answer = await cluster.fetch(new Request(`${cluster.url}${root}/namespaces/${NAMESPACE}/${thing.kind.toLowerCase()}s`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN}` }, body: JSON.stringify(thing) }))
      expect(answer.status).toBe(201)
    }
  }
  return {
    cluster, bridge,
    async setUp(home, config = '') {
      await applyRole()
      writeFileSync(join(home, 'config.yaml'), `${wayIn.config}${config}`)
      mkdirSync(join(home, 'providers'), { recursive: true })
      const path = join(home, 'providers/kubeconfig')
      writeFileSync(path, kubeconfig({ url: cluster.url, ca: tls.cert, namespace: NAMESPACE, user: { token } }), { mode: 0o600 })
      writeFileSync(join(home, 'providers/kubernetes.yaml'), `kubeconfig: ${path}\nimage: ${await containers.image()}\ndiskGb: 10\npodSecurity: ${podSecurity}\n`)
    },
    inventory: async (workspaceId) => world.standing().map(({ kind, metadata: { name } }) => `${kind} ${name}`).filter((line) => line.includes(workspaceId.replace('ws_', ''))),
    async close() {
      wayIn.close()
      await cluster.close()
      await containers.close()
    },
  }
}

export function capabilityOnKubernetes(level: Level): void {
  const { cluster, bridge, setUp, inventory, close } = startKubernetesGround(level)
  const { world } = cluster
  const kinds = new Set<string>()
  world.store.listen(({ thing }) => kinds.add(thing.kind))
  afterAll(close)

  capabilityOn({
    provider: 'kubernetes', modelHost: bridge, inventory,
    async setUp(home, model) {
      setUpProviders(home, model)
      await setUp(home)
    },
  })

  test('nothing is left in the namespace, and the cluster was asked as it describes', () => {
    const { faulty, refused } = cluster
    expect(world.standing()).toEqual([])
    expect([...faulty, ...refused]).toEqual([])
    expect(world.asked.filter((line) => line.endsWith(' 403'))).toEqual([])
    expect([kinds.has('Sandbox'), kinds.has('StatefulSet')]).toEqual([level.sandboxes, !level.sandboxes])
  })
}
