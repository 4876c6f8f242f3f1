/**
 * A cluster for the capability test: a simulator whose objects the official client describes, whose pods really run, and a
 * namespace whose level refuses what goes beyond it, with the role of the docs.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { admin, createContainers, createTls, kubeconfig, serviceAccount, startKubernetes } from '@berth/sim-kubernetes'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const NAMESPACE = 'berth-workspaces'
const TOKEN = 'token-of-the-service-account'
const ADMIN = 'token-of-the-administrator'

export function capabilityOnKubernetes({ sandboxes, podSecurity }: { sandboxes: boolean; podSecurity: 'restricted' | 'baseline' }): void {
  const tls = createTls()
  const containers = createContainers(`sim-kubernetes-${process.pid}`)
  const cluster = startKubernetes({ backend: containers, tls: { cert: tls.cert, key: tls.key }, sandboxes })
  const { world } = cluster
  world.tokens.set(ADMIN, admin).set(TOKEN, serviceAccount(NAMESPACE, 'berth'))
  world.addNamespace(NAMESPACE, { 'pod-security.kubernetes.io/enforce': podSecurity })
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  const kinds = new Set<string>()
  world.store.listen(({ thing }) => kinds.add(thing.kind))

  afterAll(async () => {
    wayIn.close()
    await cluster.close()
    await containers.close()
  })

  /** As an administrator does with kubectl. */
  async function applyRole(): Promise<void> {
    for (const thing of Bun.YAML.parse(readFileSync(join(import.meta.dir, '../../../docs/kubernetes/role.yaml'), 'utf8')) as { apiVersion: string; kind: string }[]) {
      const root = thing.apiVersion === 'v1' ? '/api/v1' : `/apis/${thing.apiVersion}`
      const answer = await cluster.fetch(new Request(`${cluster.url}${root}/namespaces/${NAMESPACE}/${thing.kind.toLowerCase()}s`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN}` }, body: JSON.stringify(thing) }))
      expect(answer.status).toBe(201)
    }
  }

  capabilityOn({
    provider: 'kubernetes', modelHost: bridge,
    async setUp(home, model) {
      setUpProviders(home, model)
      await applyRole()
      writeFileSync(join(home, 'config.yaml'), wayIn.config)
      mkdirSync(join(home, 'providers'), { recursive: true })
      const path = join(home, 'providers/kubeconfig')
      writeFileSync(path, kubeconfig({ url: cluster.url, ca: tls.cert, namespace: NAMESPACE, user: { token: TOKEN } }), { mode: 0o600 })
      writeFileSync(join(home, 'providers/kubernetes.yaml'), `kubeconfig: ${path}\nimage: ${await containers.image()}\ndiskGb: 10\npodSecurity: ${podSecurity}\n`)
    },
    inventory: async (workspaceId) => world.standing().map(({ kind, metadata: { name } }) => `${kind} ${name}`).filter((line) => line.includes(workspaceId.replace('ws_', ''))),
  })

  test('nothing is left in the namespace, and the cluster was asked as it describes', () => {
    const { faulty, refused } = cluster
    expect(world.standing()).toEqual([])
    expect([...faulty, ...refused]).toEqual([])
    expect(world.asked.filter((line) => line.endsWith(' 403'))).toEqual([])
    expect([kinds.has('Sandbox'), kinds.has('StatefulSet')]).toEqual([sandboxes, !sandboxes])
  })
}
