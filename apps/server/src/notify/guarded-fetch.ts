/**
 * Requests to addresses that a person typed or a browser gave. A name is looked up once and the connection goes to
 * that very address, so that no second answer of the name server leads somewhere else; certificates are checked
 * against the name. Redirects are not followed, and of the answer only a little is read.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { BerthError } from '@berth/wire'

export interface GuardedFetchDeps {
  /** The server's own configuration says that these addresses may be private ones. */
  readonly allowPrivate: boolean
  readonly resolve?: (host: string) => Promise<readonly string[]>
  readonly withinMs?: number
}
export interface GuardedRequest { readonly url: string; readonly method?: 'POST' | 'PUT' | 'DELETE'; readonly headers: Readonly<Record<string, string>>; readonly body: string | Uint8Array<ArrayBuffer> }
export interface GuardedAnswer { readonly status: number; readonly retryAfterMs: number | null; readonly text: string }
export type GuardedFetch = (request: GuardedRequest) => Promise<GuardedAnswer>

const WITHIN_MS = 10_000
const ANSWER_LIMIT_BYTES = 4096

export function createGuardedFetch(deps: GuardedFetchDeps): GuardedFetch {
  const resolve = deps.resolve ?? (async (host: string) => (await lookup(host, { all: true })).map(({ address }) => address))
  return async (request) => {
    const url = checkedUrl(request.url, deps.allowPrivate)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await resolved(resolve, host) : [host]
    // One private address among public ones is how a name is turned against its reader.
    if (!deps.allowPrivate && addresses.some(isPrivate)) throw privateAddress()
    const [address = host] = addresses
    const pinned = new URL(url)
    pinned.hostname = isIP(address) === 6 ? `[${address}]` : address
    const response = await fetch(pinned, {
      method: request.method ?? 'POST', redirect: 'manual', body: request.body, headers: { ...request.headers, host: url.host },
      signal: AbortSignal.timeout(deps.withinMs ?? WITHIN_MS),
      ...(url.protocol === 'https:' ? { tls: { serverName: host } } : {}),
    })
    return { status: response.status, retryAfterMs: retryAfter(response.headers.get('retry-after')), text: await firstBytes(response) }
  }
}

/** Throws what is wrong with it as far as can be seen without a look-up. */
export function checkedUrl(text: string, allowPrivate: boolean): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new BerthError('bad_request', 'the address is not an http(s) URL', { hint: 'give it as https://host/path' })
  if (url.username !== '' || url.password !== '') throw new BerthError('bad_request', 'the address holds a password', { hint: 'give the token or secret in its own field' })
  if (url.protocol === 'http:' && !allowPrivate) throw new BerthError('bad_request', 'the address is not https', { hint: 'use https, or set `notify: { allowPrivate: true }` in config.yaml of a server of your own' })
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowPrivate && (isIP(host) === 0 ? /(^|\.)localhost$/.test(host) : isPrivate(host))) throw privateAddress()
  return url
}

function privateAddress(): BerthError {
  return new BerthError('forbidden', 'the address leads into a private network', { hint: 'a server of your own may allow it: `notify: { allowPrivate: true }` in config.yaml' })
}

async function resolved(resolve: (host: string) => Promise<readonly string[]>, host: string): Promise<readonly string[]> {
  const addresses = await resolve(host).catch((cause: unknown) => { throw new BerthError('network_unreachable', `${host} cannot be found`, { hint: 'check the address, and the network of the server', cause }) })
  if (addresses.length === 0) throw new BerthError('network_unreachable', `${host} has no address`, { hint: 'check the address' })
  return addresses
}

const PRIVATE_4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4']
/** With those that carry an address of version 4 inside: what they lead to depends on somebody's gateway. */
const PRIVATE_6 = ['::/96', '::ffff:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/32', '2001:db8::/32', '2002::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8']
// Two lists: in one, an address of version 4 also counts as the mapped one of version 6.
const blocked = { ipv4: blockList(PRIVATE_4, 'ipv4'), ipv6: blockList(PRIVATE_6, 'ipv6') }
function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [net = '', prefix = ''] = range.split('/')
    list.addSubnet(net, Number(prefix), family)
  }
  return list
}

export function isPrivate(address: string): boolean {
  const family = isIP(address)
  // A zone (`fe80::1%eth0`) only ever names a link of this machine.
  if (family === 0 || address.includes('%')) return true
  return family === 4 ? blocked.ipv4.check(address, 'ipv4') : blocked.ipv6.check(address, 'ipv6')
}

function retryAfter(header: string | null): number | null {
  const seconds = Number(header)
  return header === null || !Number.isFinite(seconds) || seconds < 0 ? null : Math.min(seconds, 3600) * 1000
}

async function firstBytes(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body !== null) for await (const chunk of response.body) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= ANSWER_LIMIT_BYTES) break
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, ANSWER_LIMIT_BYTES))
}
