/**
 * What passes to and from a machine's pod: nothing comes in; out goes the public internet, the server and what was
 * allowed. Metadata addresses, private networks and other pods are not among it. It holds where the cluster's network
 * enforces policies, which its API does not tell.
 */
import type { MachineSpec } from '@berth/core'

const PRIVATE_V4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3']
const PRIVATE_V6 = ['::/96', '::ffff:0:0/96', '64:ff9b::/96', 'fc00::/7', 'fe80::/10', 'ff00::/8']
const HTTPS = 443
const HTTP = 80
const DNS = 53

type Rule = Record<string, unknown>

export interface NetworkPlan {
  readonly selector: Readonly<Record<string, string>>
  readonly linkUrl: string
  /** Addresses of the link's host, where it is a name and the network is closed. */
  readonly linkAddresses: readonly string[]
  readonly egress: NonNullable<MachineSpec['egress']>
  /** Addresses or networks, with a port or without. */
  readonly allow: readonly string[]
}

export function networkPolicySpec({ selector, linkUrl, linkAddresses, egress, allow }: NetworkPlan): Record<string, unknown> {
  const { hostname, port, protocol } = new URL(linkUrl)
  const host = hostname.replace(/^\[|\]$/g, '')
  const linkPort = Number(port) || (protocol === 'https:' ? HTTPS : HTTP)
  const addresses = isAddress(host) ? [host] : linkAddresses
  const open = [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: PRIVATE_V4 } }, { ipBlock: { cidr: '::/0', except: PRIVATE_V6 } }] }]
  return {
    podSelector: { matchLabels: { ...selector } }, policyTypes: ['Ingress', 'Egress'], ingress: [],
    egress: [
      ...(egress === 'open' ? open : []), ...(egress === 'closed' && isAddress(host) ? [] : [names()]), ...inCluster(host),
      ...addresses.map((address) => toAddress(address, linkPort)), ...(egress === 'open' ? allow.map(allowed) : []),
    ],
  }
}

export const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':')
const both = (port: number): Rule[] => ['UDP', 'TCP'].map((protocol) => ({ protocol, port }))
const block = (address: string): Rule => ({ ipBlock: { cidr: address.includes('/') ? address : `${address}/${address.includes(':') ? 128 : 32}` } })
const toAddress = (address: string, port: number): Rule => ({ to: [block(address)], ports: [{ protocol: 'TCP', port }] })
const names = (): Rule => ({ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } }, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }], ports: both(DNS) })

/** A server that is itself in the cluster is reached by its pods: policies know no services. */
function inCluster(host: string): Rule[] {
  const namespace = /^[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?$/.exec(host)?.[1]
  return namespace === undefined ? [] : [{ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, podSelector: { matchLabels: { 'app.kubernetes.io/name': 'berth' } } }] }]
}

function allowed(entry: string): Rule {
  const [, address = '', port] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? []
  return { to: [block(address)], ...(port === undefined ? {} : { ports: both(Number(port)) }) }
}
