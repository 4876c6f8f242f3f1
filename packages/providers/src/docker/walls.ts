/**
 * What a machine's network may reach, as packet filters in its own network namespace, set from a container beside it
 * that shares nothing else. They go with the namespace. Nothing in the machine has the right to take them down, but for
 * an engine of its own (docs/decisions/0008-egress.md).
 */
import { networkInterfaces } from 'node:os'
import { ProviderFault, type CallContext, type Owner } from '@berth/core'
import { createCompanion, inspectCompanion, removeCompanion, startCompanion } from './companions.ts'
import type { Engine } from './engine.ts'
import { hostUsrPaths } from './host-usr.ts'
import { ensureHostUsr, type ImageDeps } from './images.ts'

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
}
export const WALLS_NAME = 'walls'
const WAIT_MS = 20_000
const LOOK_MS = 20
const PRIVATE_V4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3'] as const
const PRIVATE_V6 = ['::/3', '4000::/2', '8000::/1', '2001::/32', '2002::/16'] as const
/** The resolver of the engine, which sits in the machine and asks from the host. */
const ENGINE_DNS = '127.0.0.11'

/** The chain, in the words of iptables; what is refused is refused at once where the kernel can say so. */
export function chainOf({ mode, hostPorts, allow, gateway, subnet, nameServers, hostAddresses }: WallsPlan, refuse: string): string[] {
  if (mode === 'closed') return [`-d ${ENGINE_DNS} -j ${refuse}`, '-o lo -j ACCEPT', `-j ${refuse}`]
  const hosts = [...new Set([gateway, ...hostAddresses])].filter((address) => address !== '')
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
/** Where `host.docker.internal` leads on an engine that was not told otherwise. */
const HOST_GATEWAY = '172.17.0.1'

/** Two tables: one answers what it refuses, the other also holds what is forwarded for others (an engine in the machine). */
export function scriptOf(plan: WallsPlan): string {
  const table = (name: string, hook: string, rules: readonly string[]): string => [`*${name}`, ':BERTH - [0:0]', ...rules.map((rule) => `-A BERTH ${rule}`), 'COMMIT'].join('\n') + `\n#${hook}`
  const v6 = (refuse: string): string[] => plan.mode === 'closed' ? ['-o lo -j ACCEPT', `-j ${refuse}`] : ['-o lo -j ACCEPT', '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT', '-p ipv6-icmp -j ACCEPT', ...PRIVATE_V6.map((network) => `-d ${network} -j ${refuse}`), '-j ACCEPT']
  const restore = (family: string, rules: (refuse: string) => string[]): string => `
if ! printf '%s\\n' '${table('filter', 'OUTPUT', rules('REJECT'))}' '${table('mangle', 'POSTROUTING', rules('DROP'))}' | $x ${family}-restore --noflush; then return 1; fi
$x ${family} -C OUTPUT -j BERTH 2>/dev/null || $x ${family} -I OUTPUT -j BERTH || return 1
$x ${family} -t mangle -C POSTROUTING -j BERTH 2>/dev/null || $x ${family} -t mangle -I POSTROUTING -j BERTH || return 1`
  return `PATH=/usr/sbin:/usr/bin:/sbin:/bin
put() { x=$1${restore('iptables', (refuse) => chainOf(plan, refuse))}
[ -e /proc/net/if_inet6 ] || return 0${restore('ip6tables', v6)}
}
put xtables-nft-multi || put xtables-legacy-multi`
}

export interface WallsDeps { readonly engine: Engine; readonly images: ImageDeps; readonly options: { readonly hostPorts?: readonly number[]; readonly egressAllow?: readonly string[] } }
interface Call { readonly owner: Owner; readonly machineId: string; readonly mode: 'open' | 'closed' }

/** Sets them, or says why it cannot. May be repeated. */
export async function setWalls(deps: WallsDeps, { owner, machineId, mode }: Call, context: CallContext): Promise<void> {
  const { engine, images, options } = deps
  const { signal } = context
  const [image, place] = await Promise.all([ensureHostUsr(images, signal), placeOf(engine, machineId, signal)])
  const script = scriptOf({ mode, hostPorts: options.hostPorts ?? [], allow: options.egressAllow ?? [], ...place, nameServers: nameServers(await Bun.file('/etc/resolv.conf').text().catch(() => '')), hostAddresses: hostAddresses() })
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
  const code = await ended(engine, of, signal)
  const there = await inspectCompanion(engine, of, signal)
  if (there !== null) await removeCompanion(engine, there.Id, signal)
  if (code !== 0) throw new ProviderFault('unsupported', `the walls of the machine's network could not be set (${code})`, { hint: 'install iptables on this host' })
}

async function ended(engine: Engine, of: { owner: Owner; name: string }, signal: AbortSignal): Promise<number> {
  for (const until = performance.now() + WAIT_MS; performance.now() < until; await Bun.sleep(LOOK_MS)) {
    signal.throwIfAborted()
    const found = await inspectCompanion(engine, of, signal)
    if (found?.State.Status === 'exited') return found.State.ExitCode ?? 1
    if (found === null) return 1
  }
  return 1
}

interface Place { readonly gateway: string; readonly subnet: string }
async function placeOf(engine: Engine, machineId: string, signal: AbortSignal): Promise<Place> {
  const { NetworkSettings } = await engine.json<{ NetworkSettings: { Networks?: Record<string, { Gateway?: string; IPAddress?: string; IPPrefixLen?: number }> | null } }>(`/containers/${machineId}/json`, { what: 'looking at the network of the machine' }, signal)
  const [network] = Object.values(NetworkSettings.Networks ?? {})
  const { Gateway = '', IPAddress = '', IPPrefixLen } = network ?? {}
  return { gateway: Gateway, subnet: IPAddress === '' || IPPrefixLen === undefined ? '' : `${IPAddress}/${IPPrefixLen}` }
}

/** Of those on its own loopback the engine asks by itself. */
export const nameServers = (resolvConf: string): string[] => [...resolvConf.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(([, address = '']) => address).filter((address) => !address.startsWith('127.'))
const hostAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address))
