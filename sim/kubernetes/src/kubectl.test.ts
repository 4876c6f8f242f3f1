/** The simulator, driven by kubectl: what an administrator does before Berth, and looks at after it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { admin, createTls, kubeconfig, serviceAccount, startKubernetes } from './index.ts'
import type { KubernetesSim } from './index.ts'

const namespace = 'berth-workspaces'
const tls = createTls()
const ROLE = join(import.meta.dir, '../../../docs/kubernetes/role.yaml')
let dir: string
let cluster: KubernetesSim

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sim-kubectl-'))
  cluster = startKubernetes({ tls: { cert: tls.cert, key: tls.key }, sandboxes: true })
  cluster.world.tokens.set('administrator', admin).set('berth', serviceAccount(namespace, 'berth'))
  for (const token of ['administrator', 'berth']) writeFileSync(join(dir, token), kubeconfig({ url: cluster.url, ca: tls.cert, namespace, user: { token } }))
})
afterAll(async () => {
  const { faulty } = cluster
  await cluster.close()
  rmSync(dir, { recursive: true, force: true })
  expect(faulty).toEqual([])
})

async function kubectl(argv: readonly string[], { as = 'administrator', input }: { as?: 'administrator' | 'berth'; input?: unknown } = {}): Promise<{ exitCode: number; out: string; err: string }> {
  const child = Bun.spawn(['kubectl', '--kubeconfig', join(dir, as), '--cache-dir', join(dir, 'cache'), ...argv], { env: { PATH: process.env['PATH'] ?? '', HOME: dir }, stdin: input === undefined ? 'ignore' : new Blob([JSON.stringify(input)]), stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { exitCode, out, err }
}

test('an administrator makes the namespace and applies the role, and again', async () => {
  expect(await kubectl(['create', '--validate=false', '-f', '-'], { input: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } })).toMatchObject({ exitCode: 0 })
  expect(await kubectl(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted'])).toMatchObject({ exitCode: 0 })
  const first = await kubectl(['apply', '--validate=false', '-f', ROLE])
  expect(first).toMatchObject({ exitCode: 0, out: expect.stringContaining('role.rbac.authorization.k8s.io/berth created') })
  expect((await kubectl(['apply', '--validate=false', '-f', ROLE])).out).toContain('role.rbac.authorization.k8s.io/berth unchanged')
}, 60_000)

test('the account of the role may what it says and no more', async () => {
  const can = async (resourceAttributes: Record<string, string>): Promise<boolean> => {
    const { out } = await kubectl(['create', '--raw', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', '-f', '-'], { as: 'berth', input: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { namespace, ...resourceAttributes } } } })
    return (JSON.parse(out) as { status: { allowed: boolean } }).status.allowed
  }
  expect([await can({ verb: 'create', group: 'apps', resource: 'statefulsets' }), await can({ verb: 'get', resource: 'pods', subresource: 'log' }), await can({ verb: 'list', resource: 'secrets' }), await can({ verb: 'create', resource: 'pods' }), await can({ verb: 'list', resource: 'secrets', namespace: '' })]).toEqual([true, true, false, false, false])
  expect((await kubectl(['get', 'secrets'], { as: 'berth' })).err).toContain('cannot list resource "secrets"')
}, 60_000)

test('a stateful set is made, seen, scaled and deleted', async () => {
  const security = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'one' }, spec: { serviceName: 'one', replicas: 1, selector: { matchLabels: { app: 'one' } }, template: { metadata: { labels: { app: 'one' } }, spec: { securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }, containers: [{ name: 'main', image: 'debian:12', securityContext: security }] } } } }
  expect(await kubectl(['create', '--validate=false', '-f', '-'], { input: set })).toMatchObject({ exitCode: 0 })
  expect((await kubectl(['get', 'pods', '-o', 'name'])).out.trim()).toBe('pod/one-0')
  expect((await kubectl(['logs', 'one-0'])).out).toContain('started')
  expect(await kubectl(['wait', '--for=condition=Ready', 'pod/one-0', '--timeout=10s'])).toMatchObject({ exitCode: 0 })
  expect(await kubectl(['scale', 'statefulset', 'one', '--replicas=0'])).toMatchObject({ exitCode: 0 })
  expect((await kubectl(['get', 'pods', '-o', 'name'])).out.trim()).toBe('')
  expect(await kubectl(['delete', 'statefulset', 'one'])).toMatchObject({ exitCode: 0 })
  expect((await kubectl(['get', 'statefulset', 'one'])).err).toContain('NotFound')
}, 60_000)
