/** Both ways to keep a pod, each with the rights of the docs' role in a namespace that is `restricted`. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'bun:test'
import type { Owner } from '@berth/core'
import { providerContract } from '@berth/testkit/provider-contract'
import { createKubernetesProvider } from './index.ts'
import { nameOf } from './machine.ts'
import { IMAGE, NAMESPACE, openCluster, roleThings, testSpec } from './testing.ts'

/** `GET /api/v1/namespaces/…/pods` of all cases. */
const asked: string[] = []

for (const sandboxes of [false, true]) {
  providerContract(`kubernetes, ${sandboxes ? 'sandboxes' : 'stateful sets'}`, async () => {
    const cluster = await openCluster({ sandboxes })
    const { sim } = cluster
    const installation = randomBytes(16).toString('hex')
    const provider = createKubernetesProvider({ installation, log: () => {}, kubeconfig: cluster.kubeconfig, image: IMAGE })
    const kind = sandboxes ? 'Sandbox' : 'StatefulSet'
    const workloads = sim.world.cluster.resource(kind)
    return {
      provider, installation, makeSpec: testSpec,
      async cleanup() {
        asked.push(...sim.world.asked)
        const { faulty, refused } = sim
        await cluster.close()
        if (faulty.length + refused.length > 0) throw new Error(`not as described: ${[...faulty, ...refused].join('; ')}`)
      },
      capabilities: {
        async crash(owner: Owner) {
          const pod = cluster.podOf(owner)
          if (pod !== null) sim.world.crash(pod)
        },
        async vanish(owner: Owner) {
          await cluster.asAdmin('DELETE', `/apis/${sandboxes ? 'agents.x-k8s.io/v1beta1' : 'apps/v1'}/namespaces/${NAMESPACE}/${workloads.plural}/${nameOf(owner)}`)
        },
        async foreign(owner: Owner) {
          const name = nameOf(owner)
          const answer = await cluster.asAdmin('POST', `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`, { metadata: { name, labels: { mine: 'yes' } }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } })
          const { metadata: { uid } } = (await answer.json()) as { metadata: { uid: string } }
          return { untouched: async () => sim.world.store.get(sim.world.cluster.resource('PersistentVolumeClaim'), NAMESPACE, name)?.metadata.uid === uid }
        },
        shown: async (owner: Owner) => JSON.stringify(sim.world.standing().filter((thing) => thing.metadata.name.startsWith(nameOf(owner)) && thing.kind !== 'Secret')),
        async limits(owner: Owner) {
          const { memory, cpu } = cluster.podOf(owner)?.spec.containers[0]?.resources?.limits ?? {}
          return { memoryBytes: Number(memory?.replace('Mi', '')) * 1024 ** 2, cpus: Number(cpu?.replace('m', '')) / 1000, pids: null }
        },
      },
    }
  })
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PATCH: 'patch', DELETE: 'delete' }

test('the role of the docs gives what was asked for, and nothing that was not', () => {
  const used = new Set(asked.flatMap((line) => {
    const [, method = '', rest = ''] = /^(\S+) \S*\/namespaces\/berth-workspaces\/([^? ]+)/.exec(line) ?? []
    const [resource = '', name, sub] = rest.split('/')
    return resource === '' ? [] : [`${VERBS[method] ?? (name === undefined ? 'list' : 'get')} ${sub === undefined ? resource : `${resource}/${sub}`}`]
  }))
  const rules = roleThings().flatMap((thing) => thing.rules ?? [])
  const given = new Set(rules.flatMap(({ resources, verbs }) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`))))
  expect(asked.filter((line) => line.endsWith(' 403'))).toEqual([])
  // Why a pod was refused and walls that change are asked for where they happen: see the tests of the provider.
  expect([...given].filter((right) => !used.has(right)).sort()).toEqual(['list events', 'patch networkpolicies'])
  expect([...used].filter((right) => !given.has(right))).toEqual([])
})
