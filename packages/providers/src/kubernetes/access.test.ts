/** The ways to a cluster, and what a credential may there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ProviderFault } from '@berth/core'
import { admin, createTls, kubeconfig, startKubernetes } from '@berth/sim-kubernetes'
import { createApi } from './client.ts'
import { createKubernetesProvider } from './index.ts'
import { readInCluster, readKubeconfig, type Access } from './kubeconfig.ts'
import { rightsNeeded } from './rights.ts'
import { IMAGE, NAMESPACE, openCluster, roleThings, type TestCluster } from './testing.ts'

const { signal } = new AbortController()
const tls = createTls()
const other = createTls()
const TOKEN = 'token-of-the-test'
let dir: string
let cluster: TestCluster

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-kubeconfig-'))
  cluster = await openCluster({ tls: { cert: tls.cert, key: tls.key } }, { ca: tls.cert })
})
afterAll(async () => {
  await cluster.close()
  rmSync(dir, { recursive: true, force: true })
})

const written = (content: string, name = 'config'): string => {
  const path = join(dir, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}
const providerAt = (path: string, more: Record<string, unknown> = {}) => createKubernetesProvider({ installation: 'a'.repeat(32), log: () => {}, kubeconfig: path, image: IMAGE, ...more })
const way = (user: Record<string, unknown>, more: { ca?: string; url?: string } = {}): string => kubeconfig({ url: more.url ?? cluster.sim.url, ca: more.ca ?? tls.cert, namespace: NAMESPACE, user })
const faultOf = (work: () => unknown): ProviderFault => {
  try {
    work()
  } catch (error) {
    if (error instanceof ProviderFault) return error
  }
  throw new Error('not refused')
}

describe('a kubeconfig', () => {
  test('with a token, a file of it, and the authority of the cluster', async () => {
    writeFileSync(join(dir, 'token'), `${TOKEN}\n`)
    writeFileSync(join(dir, 'ca.pem'), tls.cert)
    for (const user of [{ token: TOKEN }, { tokenFile: 'token' }]) expect(await providerAt(written(way(user))).check(signal)).toMatchObject({ ok: true, isolation: 'container' })
    const yaml = `apiVersion: v1\nkind: Config\ncurrent-context: b\ncontexts:\n- name: b\n  context: {cluster: c, user: u, namespace: berth-workspaces}\nclusters:\n- name: c\n  cluster:\n    server: ${cluster.sim.url}/\n    certificate-authority: ca.pem\nusers:\n- name: u\n  user:\n    tokenFile: token\n`
    expect(await providerAt(written(yaml)).check(signal)).toMatchObject({ ok: true })
    expect(readKubeconfig({ path: written(yaml), namespace: 'elsewhere' })).toMatchObject({ server: cluster.sim.url, namespace: 'elsewhere', token: TOKEN })
  })

  test('with a certificate of one\'s own', async () => {
    const sim = startKubernetes({ tls: { cert: tls.cert, key: tls.key, clientCa: tls.client.cert } })
    try {
      sim.world.tokens.set(TOKEN, admin)
      sim.world.addNamespace(NAMESPACE)
      const asked = async (user: Record<string, unknown>): Promise<string> => {
        const access = (): Access => readKubeconfig({ path: written(way(user, { url: sim.url })) })
        return createApi({ access }).call<{ gitVersion: string }>('/version', { what: 'asking' }, signal).then(({ gitVersion }) => gitVersion, (error: ProviderFault) => error.category)
      }
      const data = (text: string): string => Buffer.from(text).toString('base64')
      expect(await asked({ token: TOKEN, 'client-certificate-data': data(tls.client.cert), 'client-key-data': data(tls.client.key) })).toBe('v1.34.0-sim')
      expect(await asked({ token: TOKEN })).not.toBe('v1.34.0-sim')
    } finally {
      await sim.close()
    }
  })

  test('of a cluster that shows another certificate is not believed', async () => {
    const { ok, detail } = await providerAt(written(way({ token: TOKEN }, { ca: other.cert }))).check(signal)
    expect([ok, detail]).toEqual([false, expect.stringContaining('certificate')])
  })

  test('that would run a program, or look away, is refused with a hint', () => {
    for (const [user, words] of [[{ exec: { command: 'aws' } }, 'aws'], [{ 'auth-provider': { name: 'gcp' } }, 'no longer take'], [{ username: 'u', password: 'p' }, 'no longer take']] as const) {
      const fault = faultOf(() => readKubeconfig({ path: written(way(user)) }))
      expect([fault.category, fault.message, fault.hint]).toEqual(['auth', expect.stringContaining(words), expect.stringContaining('service account')])
    }
    const blind = written(way({ token: TOKEN }).replace(/"certificate-authority-data":"[^"]+"/, '"insecure-skip-tls-verify":true'))
    expect(faultOf(() => readKubeconfig({ path: blind })).message).toContain('not to look')
    expect(faultOf(() => readKubeconfig({ path: written(way({ token: TOKEN })), context: 'gone' })).hint).toContain('sim')
    expect(faultOf(() => readKubeconfig({ path: written('[') })).message).toContain('cannot be read')
    expect(faultOf(() => readKubeconfig({ path: join(dir, 'nothing') })).category).toBe('auth')
  })
})

test('a pod of the cluster has its service account', () => {
  const account = join(dir, 'account')
  mkdirSync(account)
  for (const [name, text] of [['token', 'of the pod\n'], ['namespace', 'berth'], ['ca.crt', tls.cert]] as const) writeFileSync(join(account, name), text)
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }
  expect(readInCluster({ dir: account, env })).toEqual({ server: 'https://[fd00::1]:6443', namespace: 'berth', token: 'of the pod', tls: { ca: tls.cert } })
  expect(readInCluster({ dir: account, env: {} })).toBeNull()
})

describe('rights', () => {
  test('that are missing are named, and those that reach further are warned about', async () => {
    const provider = providerAt(cluster.kubeconfig)
    expect(await provider.examine?.(signal)).toEqual([{ level: 'ok', code: 'rights', message: 'may do what it needs in berth-workspaces', hint: null }])
    const elsewhere = providerAt(cluster.kubeconfig, { namespace: 'elsewhere' })
    expect(await elsewhere.check(signal)).toMatchObject({ ok: false, detail: expect.stringContaining('may not in elsewhere: create persistentvolumeclaims'), hint: expect.stringContaining('docs/kubernetes') })
    cluster.sim.world.tokens.set('of-everything', admin)
    const findings = await providerAt(written(way({ token: 'of-everything' })), { namespace: 'default' }).examine?.(signal)
    expect(findings?.map(({ code, level }) => `${level} ${code}`)).toEqual(['ok rights', 'warning too-broad', 'warning namespace'])
  })

  test('are in the role of the docs what the provider says it needs', () => {
    const flat = (rights: readonly { group: string; resource: string; verbs: readonly string[] }[]): string[] => rights.flatMap(({ group, resource, verbs }) => verbs.map((verb) => `${verb} ${group}/${resource}`)).sort()
    const given = roleThings().flatMap(({ rules = [] }) => rules).flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource, verbs }))))
    expect(flat(given)).toEqual(flat(rightsNeeded({ sandboxes: true, sets: true })))
  })
})

test('what nobody set up asks nobody, and says how', async () => {
  const provider = createKubernetesProvider({ installation: 'a'.repeat(32), log: () => {}, fetch: () => Promise.reject(new Error('asked')) })
  expect(await provider.check(signal)).toEqual({ ok: false, isolation: 'container', detail: 'not set up', hint: expect.stringContaining('berth provider setup kubernetes') })
  expect(await provider.list('a'.repeat(32), signal)).toMatchObject({ items: [], complete: false })
})

test('a token that is renewed counts at once', async () => {
  const path = written(way({ token: 'old' }), 'renewed')
  const provider = providerAt(path)
  expect(await provider.check(signal)).toMatchObject({ ok: false, hint: expect.stringContaining('no longer') })
  written(way({ token: TOKEN }), 'renewed')
  expect(await provider.check(signal)).toMatchObject({ ok: true })
})
