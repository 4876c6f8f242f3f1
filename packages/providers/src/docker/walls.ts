/**
 * What a machine's network may reach, as packet filters in its own network namespace: set by this host itself where it
 * can, else from a container beside the machine that shares nothing but its network. They go with the namespace. Nothing
 * in the machine has the right to take them down, but for an engine of its own (docs/decisions/0008-egress.md).
 */
import { networkInterfaces } from 'node:os'
import { ProviderFault, type CallContext, type Owner } from '@berth/core'
import { createCompanion, endOfCompanion, inspectCompanion, removeCompanion, startCompanion } from './companions.ts'
import type { Engine } from './engine.ts'
import { hostUsrPaths } from './host-usr.ts'
import { ensureHostUsr, type ImageDeps } from './images.ts'
import { runInNetwork, type NetworkOf } from './netns.ts'
import { PRIVATE_V4 } from '../private-networks.ts'

export interface WallsPlan {
  readonly mode: 'open' | 'closed'
  /** Ports of the host that a person opened. */
  readonly hostPorts: readonly number[]
  /** `host` or `host:port`, as addresses. */
  readonly allow: readonly string[]
  /** The host on the machine's own network, and that network. */
  readonly gateway: string
  readonly subnet: string
  readonly nameServers: readonly string[]
  readonly hostAddresses: readonly string[]
  /** Names of what stands beside the machine in its own network, behind the same walls. */
  readonly beside: readonly string[]
}
export const WALLS_NAME = 'walls'
const PRIVATE_V6 = ['::/3', '4000::/2', '8000::/1', '2001::/32', '2002::/16'] as const
/** The resolver of the engine, which sits in the machine and asks from the host. */
const ENGINE_DNS = '127.0.0.11'

/** The chain, in the words of iptables; what is refused is refused at once where the kernel can say so. */
export function chainOf({ mode, hostPorts, allow, gateway, subnet, nameServers, hostAddresses, beside }: WallsPlan, refuse: string): string[] {
  const hosts = [...new Set([gateway, ...hostAddresses])].filter((address) => address !== '')
  if (mode === 'closed') {
    return [
      ...beside.flatMap((name) => questionsFor(name)).map((asked) => `-d ${ENGINE_DNS} -p udp ${asked} -j ACCEPT`), `-d ${ENGINE_DNS} -j ${refuse}`, '-o lo -j ACCEPT',
      ...beside.length === 0 || subnet === '' ? [] : [...hosts.map((address) => `-d ${address} -j ${refuse}`), `-d ${subnet} -j ACCEPT`],
      `-j ${refuse}`,
    ]
  }
  return [
    '-o lo -j ACCEPT',
    // Answers to who came in from the host.
    '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ...nameServers.flatMap((address) => ['udp', 'tcp'].map((protocol) => `-d ${address} -p ${protocol} --dport 53 -j ACCEPT`)),
    ...[...hosts, HOST_GATEWAY].flatMap((address) => hostPorts.map((port) => `-d ${address} -p tcp --dport ${port} -j ACCEPT`)),
    ...allow.map((rule) => rule.split(':')).map(([address = '', port]) => `-d ${address}${port === undefined ? '' : ` -p tcp --dport ${port}`} -j ACCEPT`),
    ...hosts.map((address) => `-d ${address} -j ${refuse}`),
    // What is beside the machine, and nothing else of it.
    ...subnet === '' ? [] : [`-d ${subnet} -j ACCEPT`],
    // Containers of an engine in the machine; nobody else can make such an interface there.
    '-o docker0 -j ACCEPT', '-o br-+ -j ACCEPT',
    ...PRIVATE_V4.map((network) => `-d ${network} -j ${refuse}`),
    '-j ACCEPT',
  ]
}
/**
 * Matches for the two questions for one address of one name, and for no other byte that a program could choose but the
 * number of its question: what the engine's name server does not know itself it asks outside, names of other kinds too.
 */
function questionsFor(name: string): string[] {
  const labels = name.split('.').filter((label) => label !== '')
  const asked = labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')])
  return [DNS_A, DNS_AAAA].map((type) => {
    const question = Buffer.from([...asked, 0, 0, type, 0, DNS_INTERNET])
    const words = Array.from({ length: Math.ceil(question.length / 4) }, (_, index) => Math.min(index * 4, question.length - 4)).map((at) => `${DNS_QUESTION_AT + at}=0x${question.readUInt32BE(at).toString(16)}`)
    // IPv4 without options; one question, no answer, nothing of an authority, at most one record beside them (EDNS).
    const all = ['0>>24=0x45', '32=0x10000', '36=0x0:0x1', ...words]
    const size = DNS_QUESTION_AT + question.length
    return [`-m length --length ${size}:${size + EDNS_BYTES}`, ...chunks(all, U32_AT_MOST).map((some) => `-m u32 --u32 ${some.join('&&')}`)].join(' ')
  })
}
const DNS_A = 1
const DNS_AAAA = 28
const DNS_INTERNET = 1
/** Behind the headers of IPv4, UDP and DNS. */
const DNS_QUESTION_AT = 20 + 8 + 12
/** One without options, as C libraries send it. */
const EDNS_BYTES = 11
/** Comparisons in one match. */
const U32_AT_MOST = 10
const chunks = (all: readonly string[], size: number): string[][] => Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))

/** Where `host.docker.internal` leads on an engine that was not told otherwise. */
const HOST_GATEWAY = '172.17.0.1'

/**
 * Two tables: one answers what it refuses, the other also holds what is forwarded for others (an engine in the machine).
 * Each program costs the start of a machine some milliseconds, so a chain comes with its hook. Whether the second table's
 * hook is there decides for both: it is committed last, and holds alone whatever the first one would refuse.
 */
export function scriptOf(plan: WallsPlan): string {
  const table = (name: string, rules: readonly string[]): string => `*${name}\n:BERTH - [0:0]\n${rules.map((rule) => `-A BERTH ${rule}\n`).join('')}`
  const v6 = (refuse: string): string[] => plan.mode === 'closed' ? ['-o lo -j ACCEPT', `-j ${refuse}`] : ['-o lo -j ACCEPT', '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT', '-p ipv6-icmp -j ACCEPT', ...PRIVATE_V6.map((network) => `-d ${network} -j ${refuse}`), '-j ACCEPT']
  const restore = (family: string, rules: (refuse: string) => string[]): string => `
first='-I OUTPUT -j BERTH
' second='-I POSTROUTING -j BERTH
'
if $x ${family} -t mangle -C POSTROUTING -j BERTH 2>/dev/null; then first= second=; fi
printf '%s' '${table('filter', rules('REJECT'))}' "$first" 'COMMIT
${table('mangle', rules('DROP'))}' "$second" 'COMMIT
' | $x ${family}-restore --noflush || return 1`
  return `PATH=/usr/sbin:/usr/bin:/sbin:/bin
put() { x=$1${restore('iptables', (refuse) => chainOf(plan, refuse))}
[ -e /proc/net/if_inet6 ] || return 0${restore('ip6tables', v6)}
}
put xtables-nft-multi || put xtables-legacy-multi`
}

export interface WallsDeps { readonly engine: Engine; readonly images: ImageDeps; readonly options: { readonly hostPorts?: readonly number[]; readonly egressAllow?: readonly string[] }; /** Those that this host has now, unless something else is said. */ readonly hostAddresses?: () => string[] }
export interface WalledMachine extends NetworkOf {
  readonly Id: string
  readonly NetworkSettings?: NetworkOf['NetworkSettings'] & { readonly Networks?: Readonly<Record<string, { readonly Gateway?: string; readonly IPAddress?: string; readonly IPPrefixLen?: number }>> | null } | null
}
export interface WallsCall {
  readonly owner: Owner
  /** As the engine tells of it since it runs. */
  readonly machine: WalledMachine
  readonly mode: 'open' | 'closed'
  /** Names of services in the same network. */
  readonly beside: readonly string[]
  /** Something of the workspace may have run in that network with rights over it: its rules are not to be read by a root of this host. */
  readonly maybeTouched: boolean
}

/** Sets them, or says why it cannot. May be repeated. */
export async function setWalls(deps: WallsDeps, { owner, machine, mode, beside, maybeTouched }: WallsCall, { signal }: CallContext): Promise<void> {
  const { hostPorts = [], egressAllow = [] } = deps.options
  const script = scriptOf({ mode, beside, hostPorts, allow: egressAllow, ...placeOf(machine), nameServers: nameServers(await Bun.file('/etc/resolv.conf').text().catch(() => '')), hostAddresses: (deps.hostAddresses ?? hostAddresses)() })
  if (!maybeTouched && await runInNetwork(machine, script, signal)) return
  signal.throwIfAborted()
  const code = await runBeside(deps, { owner, machineId: machine.Id, script }, signal)
  if (code !== 0) throw new ProviderFault('unsupported', `the walls of the machine's network could not be set (${code})`, { hint: 'install iptables on this host' })
}

async function runBeside({ engine, images }: WallsDeps, { owner, machineId, script }: { owner: Owner; machineId: string; script: string }, signal: AbortSignal): Promise<number> {
  const image = await ensureHostUsr(images, signal)
  const of = { owner, name: WALLS_NAME }
  const before = await inspectCompanion(engine, of, signal)
  if (before !== null) await removeCompanion(engine, before.Id, signal)
  await createCompanion(engine, { ...of, body: {
    Image: image.reference, User: '0:0', WorkingDir: '/', Entrypoint: ['/bin/sh', '-c', script], Cmd: [], Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: `container:${machineId}`, CapDrop: ['ALL'], CapAdd: ['NET_ADMIN', 'NET_RAW'], SecurityOpt: ['no-new-privileges'], RestartPolicy: { Name: 'no' }, ReadonlyRootfs: false,
      Mounts: hostUsrPaths().map((path) => ({ Type: 'bind', Source: path, Target: path, ReadOnly: true })), LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    },
  } }, signal)
  await startCompanion(engine, of, signal)
  const code = await endOfCompanion(engine, of, signal)
  const there = await inspectCompanion(engine, of, signal)
  if (there !== null) await removeCompanion(engine, there.Id, signal)
  return code
}

interface Place { readonly gateway: string; readonly subnet: string }
function placeOf({ NetworkSettings }: WalledMachine): Place {
  const [network] = Object.values(NetworkSettings?.Networks ?? {})
  const { Gateway = '', IPAddress = '', IPPrefixLen } = network ?? {}
  return { gateway: Gateway, subnet: IPAddress === '' || IPPrefixLen === undefined ? '' : `${IPAddress}/${IPPrefixLen}` }
}

/** Of those on its own loopback the engine asks by itself. */
export const nameServers = (resolvConf: string): string[] => [...resolvConf.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(([, address = '']) => address).filter((address) => !address.startsWith('127.'))
const hostAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address))
