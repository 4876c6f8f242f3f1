/** The same in a pod of a cluster, as most are: `restricted`, which makes the daemon the agent's own user. */
import { randomBytes } from 'node:crypto'
import { test } from 'bun:test'
import { startKubernetesGround } from '../clouds/kubernetes-ground.ts'
import { canaryOn, UP_MS } from './cloud.ts'

const token = randomBytes(24).toString('base64url')
const { setUp, close } = startKubernetesGround({ sandboxes: false, podSecurity: 'restricted', token })
const canary = canaryOn({ provider: 'kubernetes', setUp, close, linkTokenOf: null, secrets: { 'token of the cluster': token } })

test('in a pod the agent comes to no secret', () => canary.meetsNothing(), UP_MS)
test('where a person puts a token into a pod, the same search finds it', () => canary.meetsWhatAPersonPutIn(), UP_MS)
test('in a pod the agent becomes root by no program that is there', () => canary.becomesNoRoot(), UP_MS)
