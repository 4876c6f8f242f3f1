/**
 * How a cluster is reached: by one context of a kubeconfig, or as a pod of it. Read anew for each call, so that a token
 * that is renewed counts at once. Throws a ProviderFault that says what cannot be used.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ProviderFault } from '@berth/core'

export interface Access {
  readonly server: string
  readonly namespace: string
  /** A secret. */
  readonly token: string | null
  readonly tls: { readonly ca?: string; /** A secret. */ readonly key?: string; readonly cert?: string; readonly serverName?: string }
}
export interface KubeconfigChoice { readonly path: string; readonly context?: string | undefined; readonly namespace?: string | undefined }

const IN_CLUSTER = '/var/run/secrets/kubernetes.io/serviceaccount'
const SET_UP = 'run `berth provider setup kubernetes`'

type Named<T> = readonly ({ readonly name: string } & T)[]
interface Cluster { readonly server?: string; readonly 'certificate-authority'?: string; readonly 'certificate-authority-data'?: string; readonly 'insecure-skip-tls-verify'?: boolean; readonly 'tls-server-name'?: string; readonly 'proxy-url'?: string }
interface User { readonly token?: string; readonly tokenFile?: string; readonly 'client-certificate'?: string; readonly 'client-certificate-data'?: string; readonly 'client-key'?: string; readonly 'client-key-data'?: string; readonly exec?: { readonly command?: string }; readonly 'auth-provider'?: unknown; readonly username?: string }
interface Kubeconfig { readonly clusters?: Named<{ readonly cluster?: Cluster }>; readonly users?: Named<{ readonly user?: User }>; readonly contexts?: Named<{ readonly context?: { readonly cluster?: string; readonly user?: string; readonly namespace?: string } }>; readonly 'current-context'?: string }

export function readKubeconfig({ path, context: wanted, namespace }: KubeconfigChoice): Access {
  const { context, cluster, user } = chosen(parsed(path), path, wanted)
  refuse(cluster, user, path)
  return {
    server: cluster.server.replace(/\/$/, ''), namespace: namespace ?? context.namespace ?? 'default', token: user.tokenFile === undefined ? user.token ?? null : fileOf(path, user.tokenFile).trim(),
    tls: tlsOf(path, cluster, user),
  }
}

interface Chosen { readonly context: { readonly namespace?: string }; readonly cluster: Cluster & { readonly server: string }; readonly user: User }

function chosen(config: Kubeconfig, path: string, wanted: string | undefined): Chosen {
  const { contexts = [], clusters = [], users = [], 'current-context': current } = config
  const name = wanted ?? current ?? ''
  const context = contexts.find((each) => each.name === name)?.context
  if (context === undefined) throw unusable(name === '' ? `${path} names no current context` : `${path} has no context ${name}`, `name one of ${contexts.map((each) => each.name).join(', ') || 'none'} with --context`)
  const cluster = clusters.find((each) => each.name === context.cluster)?.cluster
  const user = users.find((each) => each.name === context.user)?.user
  if (cluster?.server === undefined || user === undefined) throw unusable(`context ${name} of ${path} names a cluster or a user that is not there`, SET_UP)
  return { context, cluster: { ...cluster, server: cluster.server }, user }
}

function tlsOf(path: string, cluster: Cluster, user: User): Access['tls'] {
  const pem = <K extends string>(key: K, data: string | undefined, file: string | undefined): { [P in K]?: string } => {
    const text = data === undefined ? (file === undefined ? null : fileOf(path, file)) : Buffer.from(data, 'base64').toString('utf8')
    return text === null ? {} : { [key]: text } as { [P in K]?: string } // the one key it was asked for
  }
  return {
    ...pem('ca', cluster['certificate-authority-data'], cluster['certificate-authority']), ...pem('cert', user['client-certificate-data'], user['client-certificate']),
    ...pem('key', user['client-key-data'], user['client-key']), ...(cluster['tls-server-name'] === undefined ? {} : { serverName: cluster['tls-server-name'] }),
  }
}

/** As a pod with a service account; null: this is none. */
export function readInCluster({ namespace, dir = IN_CLUSTER, env = process.env }: { namespace?: string | undefined; dir?: string; env?: Readonly<Record<string, string | undefined>> }): Access | null {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (host === undefined || !existsSync(`${dir}/token`)) return null
  const read = (name: string): string => readFileSync(`${dir}/${name}`, 'utf8')
  return { server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, namespace: namespace ?? read('namespace').trim(), token: read('token').trim(), tls: { ca: read('ca.crt') } }
}

function parsed(path: string): Kubeconfig {
  try {
    const value: unknown = Bun.YAML.parse(readFileSync(path, 'utf8'))
    if (typeof value === 'object' && value !== null) return value // read by key below; what is absent is said there
  } catch {
    throw unusable(`${path} cannot be read as a kubeconfig`, 'see `kubectl config view`, and `berth provider setup kubernetes --kubeconfig <path>`')
  }
  throw unusable(`${path} is no kubeconfig`, SET_UP)
}

/** What would run a program, or not know whom it talks to. */
function refuse(cluster: Cluster, user: User, path: string): void {
  const account = 'make a service account with the role of the docs, and use its token'
  if (user.exec !== undefined) throw unusable(`${path} gets its credential from a program (${user.exec.command ?? 'exec'}), which Berth does not run`, account)
  if (user['auth-provider'] !== undefined || user.username !== undefined) throw unusable(`${path} has a credential of a kind that clusters no longer take`, account)
  if (cluster['insecure-skip-tls-verify'] === true) throw unusable(`${path} says not to look who the cluster is`, 'put its certificate-authority-data in')
  if (cluster['proxy-url'] !== undefined) throw unusable(`${path} reaches the cluster through a proxy, which Berth does not`, 'give it a way of its own')
}

function fileOf(path: string, file: string): string {
  const at = resolve(dirname(path), file)
  try {
    return readFileSync(at, 'utf8')
  } catch {
    throw unusable(`${at}, which ${path} names, cannot be read`, 'the server reads it as its own user')
  }
}

const unusable = (message: string, hint: string): ProviderFault => new ProviderFault('auth', message, { hint })
