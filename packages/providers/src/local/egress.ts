/**
 * The only way out of a sandboxed machine: an HTTP proxy (CONNECT and absolute-form requests) on a unix socket.
 * Public addresses are open; the host's own loopback, its private networks and metadata services are not. A name is
 * resolved once and the checked address is the one dialled, so a second DNS answer cannot lead elsewhere.
 *
 * This file is copied beside machine-host.ts and runs on its own: platform imports only.
 */
import { lookup } from 'node:dns/promises'
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

export interface EgressPolicy {
  /** Nothing goes out here: the server is the way out, over the link. */
  readonly closed?: boolean

  /** `host` or `host:port`, reached whatever its address is. */
  readonly allow: readonly string[]
  /** Loopback ports of the host that machines may reach as `host.docker.internal:<port>`. */
  readonly hostPorts: readonly number[]
}
/** `open` or `closed`; written whole by the provider, also while the machine runs. */
export const WALLS = 'walls'
/** The same name that containers use, so one model or registry URL serves every provider. */
export const HOST_ALIAS = 'host.docker.internal'

const HEAD_LIMIT_BYTES = 32 * 1024
const HEAD_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 30_000
/** How long a refused client may take to read why. */
const LINGER_MS = 1_000
const CONNECTION_LIMIT = 1024

interface Target { readonly host: string; readonly port: number }
type Verdict = { readonly dial: readonly string[] } | { readonly refuse: string }
interface Request { readonly target: Target; readonly tunnel: boolean; readonly head: string }

/** The policy is asked for with each connection, so that it can change while the machine runs. */
export function createEgress(policyNow: () => EgressPolicy, log: (line: string) => void): Server {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy())
    readHead(client, (head, rest) => {
      serve({ policy: policyNow(), log }, client, { head, rest }).catch((cause: unknown) => {
        log(`egress: ${cause instanceof Error ? cause.message : String(cause)}`)
        client.destroy()
      })
    })
  })
  server.maxConnections = CONNECTION_LIMIT
  return server
}

async function serve(deps: { policy: EgressPolicy; log: (line: string) => void }, client: Socket, { head, rest }: { head: string; rest: Buffer }): Promise<void> {
  const request = parseHead(head)
  if (request === null) return answer(client, 400, 'this proxy understands CONNECT and absolute http urls')
  const verdict = await judge(deps.policy, request.target)
  const name = `${request.target.host}:${request.target.port}`
  if ('refuse' in verdict) {
    deps.log(`egress: refused ${name}: ${verdict.refuse}`)
    return answer(client, verdict.refuse === NOT_FOUND ? 502 : 403, `${name}: ${verdict.refuse}`)
  }
  const upstream = await dial(verdict.dial, request.target.port)
  if (upstream === null) return answer(client, 502, `${name}: nothing answers there`)
  if (client.destroyed) return void upstream.destroy()
  upstream.on('error', () => client.destroy())
  client.on('close', () => upstream.destroy())
  if (request.tunnel) client.write('HTTP/1.1 200 Connection established\r\n\r\n')
  else upstream.write(request.head)
  if (rest.length > 0) upstream.write(rest)
  upstream.pipe(client)
  client.pipe(upstream)
}

function readHead(client: Socket, onHead: (head: string, rest: Buffer) => void): void {
  let seen = Buffer.alloc(0)
  const timer = setTimeout(() => client.destroy(), HEAD_TIMEOUT_MS)
  const onData = (chunk: Buffer): void => {
    seen = Buffer.concat([seen, chunk])
    const end = seen.indexOf('\r\n\r\n')
    if (end < 0 && seen.length <= HEAD_LIMIT_BYTES) return
    clearTimeout(timer)
    client.off('data', onData)
    client.pause()
    if (end < 0) return answer(client, 431, 'the request head is too large')
    onHead(seen.subarray(0, end).toString('latin1'), seen.subarray(end + 4))
  }
  client.on('data', onData)
  client.on('close', () => clearTimeout(timer))
}

/** Null: not a proxy request. Plain requests keep their own connection each, so one verdict covers one request. */
export function parseHead(head: string): Request | null {
  const [first = '', ...headers] = head.split('\r\n')
  const [method = '', url = '', version = ''] = first.split(' ')
  if (method === 'CONNECT') {
    const target = parseAuthority(url, null)
    return target === null ? null : { target, tunnel: true, head: '' }
  }
  if (!/^http:\/\//i.test(url) || !version.startsWith('HTTP/1.')) return null
  const slash = url.indexOf('/', 7)
  const authority = (slash < 0 ? url.slice(7) : url.slice(7, slash)).replace(/^[^@]*@/, '')
  const target = parseAuthority(authority, 80)
  if (target === null) return null
  const upgrade = headers.some((line) => /^upgrade:/i.test(line))
  const kept = headers.filter((line) => !/^proxy-/i.test(line) && (upgrade || !/^(connection|keep-alive):/i.test(line)))
  if (!upgrade) kept.push('Connection: close')
  return { target, tunnel: false, head: `${method} ${slash < 0 ? '/' : url.slice(slash)} ${version}\r\n${kept.join('\r\n')}\r\n\r\n` }
}

function parseAuthority(text: string, defaultPort: number | null): Target | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (host === undefined || port === null || port < 1 || port > 65_535) return null
  return { host: host.toLowerCase().replace(/\.$/, ''), port }
}

const NOT_FOUND = 'there is no such host'

export async function judge(policy: EgressPolicy, { host, port }: Target): Promise<Verdict> {
  if (policy.closed === true) return { refuse: 'this workspace goes out through its server alone; start this program again' }
  if (host === HOST_ALIAS) {
    return policy.hostPorts.includes(port) ? { dial: ['127.0.0.1', '::1'] } : { refuse: 'this port of the host is not open to workspaces' }
  }
  const named = policy.allow.includes(host) || policy.allow.includes(`${host}:${port}`)
  const addresses = isIP(host) !== 0 ? [host] : await lookup(host, { all: true }).then((found) => found.map((one) => one.address), () => [])
  if (addresses.length === 0) return { refuse: NOT_FOUND }
  if (named) return { dial: addresses }
  const own = ownAddresses()
  const open = addresses.filter((address) => isPublic(address) && !own.has(address))
  return open.length > 0 ? { dial: open } : { refuse: 'it leads to a private address; a person can allow it for this provider' }
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)))
}

/** False for everything that is not the public internet: loopback, private, link-local (metadata), shared, multicast. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return isPublicV4(address)
  const groups = expandV6(address)
  if (groups === null) return false
  const [first = 0, second = 0] = groups
  // IPv4 in disguise: mapped, compatible, translated (64:ff9b::/96) and 6to4 carry an IPv4 address that decides.
  if (groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || groups[5] === 0)) return isPublicV4(tail(groups, 6))
  if (first === 0x64 && second === 0xff9b) return isPublicV4(tail(groups, 6))
  if (first === 0x2002) return isPublicV4(tail(groups, 1))
  // 2000::/3 is what is handed out; 2001:db8::/32 is documentation, 2001::/32 tunnels.
  return (first & 0xe000) === 0x2000 && !(first === 0x2001 && (second === 0 || second === 0xdb8))
}

/** Networks of IPv4 that are not the public internet. */
const CLOSED_V4 = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16',
  '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3',
].map((network) => {
  const [base = '', bits = '32'] = network.split('/')
  const shift = 32 - Number(bits)
  return { prefix: numberOf(base) >>> shift, shift }
})

function isPublicV4(address: string): boolean {
  const number = numberOf(address)
  return CLOSED_V4.every(({ prefix, shift }) => number >>> shift !== prefix)
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0)
}

function tail(groups: readonly number[], from: number): string {
  const high = groups[from] ?? 0
  const low = groups[from + 1] ?? 0
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

function expandV6(address: string): number[] | null {
  const plain = address.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return null
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const text = dotted === null ? plain : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
  const [left = '', right] = text.split('::')
  const head = left === '' ? [] : left.split(':')
  const end = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : 8 - head.length - end.length
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...end].map((group) => Number.parseInt(group, 16))
}

async function dial(addresses: readonly string[], port: number): Promise<Socket | null> {
  for (const host of addresses) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const attempt = connect({ host, port, allowHalfOpen: true })
      const timer = setTimeout(() => attempt.destroy(new Error('timeout')), CONNECT_TIMEOUT_MS)
      attempt.once('connect', () => { clearTimeout(timer); resolve(attempt) })
      attempt.once('error', () => { clearTimeout(timer); resolve(null) })
    })
    if (socket !== null) return socket
  }
  return null
}

function answer(client: Socket, status: number, text: string): void {
  const body = `berth: ${text}\n`
  client.end(`HTTP/1.1 ${status} ${status === 403 ? 'Forbidden' : 'Refused'}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  // What it still sends is thrown away for a moment, so that it can read the answer. One that goes on for ever would keep its place among the limited number of connections.
  client.resume()
  const timer = setTimeout(() => client.destroy(), LINGER_MS)
  client.once('close', () => clearTimeout(timer))
}
