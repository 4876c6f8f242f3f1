/** Whether a workspace may reach a host, from what its people said. Pure: where the name leads is another's to check. */
import { EGRESS_GROUPS, type EgressPolicy } from '@berth/wire/egress'

export interface EgressTarget { readonly host: string; readonly port: number }
export type EgressVerdict = 'go' | 'ask' | 'refuse'

export function decideEgress({ mode, allow, deny }: Pick<EgressPolicy, 'mode' | 'allow' | 'deny'>, target: EgressTarget): EgressVerdict {
  if (mode === 'none' || rulesOf(deny).some((rule) => fits(rule, target))) return 'refuse'
  if (mode === 'open') return 'go'
  return rulesOf(allow).some((rule) => fits(rule, target)) ? 'go' : 'ask'
}

const rulesOf = (rules: readonly string[]): readonly string[] => rules.flatMap((rule) => rule.startsWith('@') ? EGRESS_GROUPS[rule.slice(1)] ?? [] : [rule])
/** Without a port: those of http and https. */
const USUAL_PORTS: readonly number[] = [80, 443]

function fits(rule: string, { host, port }: EgressTarget): boolean {
  const [, name = '', given] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(rule) ?? []
  if (given === undefined ? !USUAL_PORTS.includes(port) : Number(given) !== port) return false
  const plain = name.replace(/^\[|\]$/g, '')
  // One label or more before it, never the name itself.
  return plain.startsWith('*.') ? host.endsWith(plain.slice(1)) && host.length > plain.length - 1 : host === plain
}

/** As it stands in rules, and is shown. */
export const ruleFor = ({ host, port }: EgressTarget): string => {
  const name = host.includes(':') ? `[${host}]` : host
  return USUAL_PORTS.includes(port) && !host.includes(':') ? name : `${name}:${port}`
}
