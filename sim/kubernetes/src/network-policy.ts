/** Whether the policies of a namespace let a connection of a pod pass, as the API describes it: nothing here blocks anything. */
import type { Thing } from './model.ts'

interface Block { readonly cidr: string; readonly except?: readonly string[] }
interface Selector { readonly matchLabels?: Readonly<Record<string, string>> }
interface Peer { readonly ipBlock?: Block; readonly podSelector?: Selector; readonly namespaceSelector?: Selector }
interface Way { readonly to?: readonly Peer[]; readonly from?: readonly Peer[]; readonly ports?: readonly { readonly port?: number | string; readonly protocol?: string }[] }
interface Spec { readonly podSelector?: Selector; readonly policyTypes?: readonly string[]; readonly egress?: readonly Way[]; readonly ingress?: readonly Way[] }
export interface Attempt { readonly direction: 'Egress' | 'Ingress'; readonly labels: Readonly<Record<string, string>>; readonly ip: string; readonly port: number; readonly protocol?: string }

/** A peer of the same cluster is asked about by its address alone: peers that are chosen by labels count only where they choose all. */
export function lets(policies: readonly Thing[], { direction, labels, ip, port, protocol = 'TCP' }: Attempt): boolean {
  const mine = policies.map(({ spec }) => spec as Spec).filter(({ podSelector, policyTypes = ['Ingress'] }) => chooses(podSelector, labels) && policyTypes.includes(direction))
  if (mine.length === 0) return true
  return mine.some(({ egress = [], ingress = [] }) => (direction === 'Egress' ? egress : ingress).some((way) => peers(way, direction).some((peer) => reaches(peer, ip)) && portOf(way, { port, protocol })))
}

const chooses = (selector: Selector | undefined, labels: Readonly<Record<string, string>>): boolean => Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
const peers = ({ to, from }: Way, direction: Attempt['direction']): readonly Peer[] => (direction === 'Egress' ? to : from) ?? [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }]
const portOf = ({ ports }: Way, { port, protocol }: { port: number; protocol: string }): boolean => ports === undefined || ports.some((each) => (each.protocol ?? 'TCP') === protocol && (each.port === undefined || each.port === port))

function reaches({ ipBlock, namespaceSelector, podSelector }: Peer, ip: string): boolean {
  if (ipBlock !== undefined) return within(ip, ipBlock.cidr) && !(ipBlock.except ?? []).some((each) => within(ip, each))
  return namespaceSelector !== undefined && Object.keys(namespaceSelector.matchLabels ?? {}).length === 0 && Object.keys(podSelector?.matchLabels ?? {}).length === 0
}

function within(ip: string, cidr: string): boolean {
  const [net = '', bits = '0'] = cidr.split('/')
  if (ip.includes(':') !== net.includes(':')) return false
  const size = ip.includes(':') ? 128n : 32n
  const shift = size - BigInt(bits)
  return numberOf(ip) >> shift === numberOf(net) >> shift
}

function numberOf(ip: string): bigint {
  if (!ip.includes(':')) return ip.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n)
  const [head = '', tail = ''] = ip.split('::')
  const [left, right] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [string[], string[]]
  const words = ip.includes('::') ? [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right] : left
  return words.reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n)
}
