/**
 * The way out of a closed machine: connections that its daemon carries here, each beginning as to a proxy (CONNECT, or an
 * absolute http address). The name is resolved here, once, and the address that was looked at is the one dialled, so a
 * second answer of a name server leads nowhere else; a private address is refused whatever its name. Of a listed host
 * what is said inside is held to the same name: TLS must ask for it, and a plain request is one request to it.
 */
import { lookup } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock, EgressStore, EgressTarget } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { pumpSocket, type PumpStream } from '@berth/wire/pump-socket'
import type { Log } from '../http/respond.ts'
import { readHello } from './hello.ts'
import type { Permission, Permissions } from './permission.ts'

export interface ProxyRequest { readonly target: EgressTarget; readonly tunnel: boolean; readonly head: string }
export interface EgressDeps {
  readonly store: Pick<EgressStore, 'refused'>
  readonly permissions: Pick<Permissions, 'of'>
  readonly clock: Clock
  readonly log: Log
  /** As the sandbox of a local machine reads heads and addresses: one reading for all. */
  readonly rules: { parseHead(head: string): ProxyRequest | null; isPublic(address: string): boolean }
  /** Names of one's own network: they lead where this says, also to private addresses. */
  readonly names?: Readonly<Record<string, string>>
}
export type Egress = (workspaceId: WorkspaceId, stream: PumpStream) => Promise<void>

const HEAD_LIMIT_BYTES = 32 * 1024
const FIRST_BYTES_MS = 30_000
const CONNECT_MS = 15_000
const HELLO_LIMIT_BYTES = 64 * 1024
const TLS_PORT = 443
/** Of one workspace. */
const CONNECTION_LIMIT = 512

interface Ends { readonly reader: ReadableStreamDefaultReader<Uint8Array>; readonly writer: WritableStreamDefaultWriter<Uint8Array>; abort(reason: string): void }

export function createEgress(deps: EgressDeps): Egress {
  const open = new Map<WorkspaceId, number>()
  return async (workspaceId, stream) => {
    const count = (open.get(workspaceId) ?? 0) + 1
    if (count > CONNECTION_LIMIT) return stream.abort('too many connections')
    open.set(workspaceId, count)
    try {
      await serve(deps, workspaceId, stream)
    } catch (cause) {
      stream.abort(cause instanceof Error ? cause.message : 'it broke off')
    } finally {
      const left = (open.get(workspaceId) ?? 1) - 1
      if (left === 0) open.delete(workspaceId)
      else open.set(workspaceId, left)
    }
  }
}

async function serve(deps: EgressDeps, workspaceId: WorkspaceId, stream: PumpStream): Promise<void> {
  const ends: Ends = { reader: stream.readable.getReader(), writer: stream.writable.getWriter(), abort: (reason) => stream.abort(reason) }
  const gone = new AbortController()
  ends.writer.closed.catch(() => gone.abort())
  const { head, rest } = await headOf(ends)
  if (head === null) return refuse(ends, 431, 'the request head is too large')
  const request = deps.rules.parseHead(head)
  if (request === null) return refuse(ends, 400, 'this way out understands CONNECT and absolute http addresses')
  const { target } = request
  // A person is not asked about what is refused anyway; names are looked up only when they may be reached, since a look-up alone carries what it asks for.
  const isHopeless = isIP(target.host) !== 0 && (await addressesOf(deps, target.host)).length === 0
  const permission: Permission = isHopeless ? { may: false, why: 'it is a private address' } : await deps.permissions.of(workspaceId, target, gone.signal)
  const addresses = permission.may ? await addressesOf(deps, target.host) : []
  const why = !permission.may ? permission.why : addresses.length === 0 ? 'there is no such host on the public internet' : null
  if (why !== null) {
    await deps.store.refused(workspaceId, { ...target, why }, deps.clock.now()).catch((cause: unknown) => deps.log(`${workspaceId}: a refusal was not written down: ${String(cause)}`))
    return refuse(ends, 403, `${target.host}:${target.port}: ${why}`)
  }
  const upstream = await dial(addresses, target.port)
  if (upstream === null) return refuse(ends, 502, `${target.host}:${target.port}: nothing answers there`)
  upstream.on('error', () => {})
  try {
    if (request.tunnel) await tunnel(ends, upstream, { target, rest, strict: permission.may && permission.listed })
    else await plain(ends, upstream, { request, rest })
  } catch (cause) {
    upstream.destroy()
    throw cause
  }
}

async function headOf({ reader }: Ends): Promise<{ head: string | null; rest: Uint8Array }> {
  let seen = Buffer.alloc(0)
  for (;;) {
    const end = seen.indexOf('\r\n\r\n')
    if (end >= 0) return { head: seen.subarray(0, end).toString('latin1'), rest: new Uint8Array(seen.subarray(end + 4)) }
    if (seen.length > HEAD_LIMIT_BYTES) return { head: null, rest: new Uint8Array() }
    seen = Buffer.concat([seen, await next(reader)])
  }
}

async function next(reader: Ends['reader']): Promise<Uint8Array> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('nothing was asked')), FIRST_BYTES_MS)
  try {
    const { done, value } = await Promise.race([reader.read(), late.promise])
    if (done) throw new Error('it ended before it asked')
    return value
  } finally {
    clearTimeout(timer)
  }
}

/** On the port of https a listed name must be asked for inside as well: an address serves many names. */
async function tunnel(ends: Ends, upstream: Socket, { target, rest, strict }: { target: EgressTarget; rest: Uint8Array; strict: boolean }): Promise<void> {
  await ends.writer.write(new TextEncoder().encode('HTTP/1.1 200 Connection established\r\n\r\n'))
  let first: Uint8Array = rest
  if (strict && target.port === TLS_PORT) {
    let hello = readHello(first)
    while (hello.kind === 'more' && first.length < HELLO_LIMIT_BYTES) {
      first = new Uint8Array(Buffer.concat([first, await next(ends.reader)]))
      hello = readHello(first)
    }
    const named = hello.kind === 'name' ? hello.name === target.host : hello.kind === 'none' && isIP(target.host) !== 0
    if (!named) throw new Error(`what is said inside is not for ${target.host}`)
  }
  if (first.length > 0) upstream.write(first)
  await pumpSocket(ends, upstream)
}

/** One request: what comes behind its body goes nowhere, and its host is the one that was looked at. */
async function plain(ends: Ends, upstream: Socket, { request, rest }: { request: ProxyRequest; rest: Uint8Array }): Promise<void> {
  const [first = '', ...lines] = request.head.replace(/\r\n\r\n$/, '').split('\r\n')
  const valueOf = (name: string): string[] => lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim())
  const [length, ...more] = valueOf('content-length')
  if (valueOf('transfer-encoding').length > 0 || valueOf('upgrade').length > 0 || more.length > 0 || (length !== undefined && !/^\d{1,15}$/.test(length))) {
    upstream.destroy()
    return refuse(ends, 501, 'a plain request needs a content-length here; use https')
  }
  const { host, port } = request.target
  const name = isIP(host) === 6 ? `[${host}]` : host
  const head = [first, `Host: ${port === 80 ? name : `${name}:${port}`}`, ...lines.filter((line) => !/^(host|connection|keep-alive)\s*:/i.test(line)), 'Connection: close']
  upstream.write(`${head.join('\r\n')}\r\n\r\n`)
  let left = Number(length ?? 0)
  const within = (bytes: Uint8Array): Uint8Array => {
    const taken = bytes.subarray(0, left)
    left -= taken.length
    return taken
  }
  const begun = within(rest)
  if (begun.length > 0) upstream.write(begun)
  const reader = { async read() {
    if (left === 0) return { done: true as const, value: undefined }
    const said = await ends.reader.read()
    return said.done ? said : { done: false as const, value: within(said.value) }
  } } as ReadableStreamDefaultReader<Uint8Array>
  await pumpSocket({ ...ends, reader }, upstream, { keepOpen: true })
}

async function addressesOf({ rules, names }: EgressDeps, host: string): Promise<string[]> {
  const own = names?.[host]
  if (own !== undefined) return [own]
  const found = isIP(host) !== 0 ? [host] : await lookup(host, { all: true }).then((all) => all.map(({ address }) => address), () => [])
  const ours = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)))
  // One private address among public ones is how a name is turned against its reader.
  return found.every((address) => rules.isPublic(address) && !ours.has(address)) ? found : []
}

async function dial(addresses: readonly string[], port: number): Promise<Socket | null> {
  for (const host of addresses) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const attempt = connect({ host, port, allowHalfOpen: true })
      const timer = setTimeout(() => attempt.destroy(new Error('timeout')), CONNECT_MS)
      attempt.once('connect', () => { clearTimeout(timer); resolve(attempt) })
      attempt.once('error', () => { clearTimeout(timer); resolve(null) })
    })
    if (socket !== null) return socket
  }
  return null
}

async function refuse({ writer, reader }: Ends, status: number, text: string): Promise<void> {
  const body = `berth: ${text}\n`
  await writer.write(new TextEncoder().encode(`HTTP/1.1 ${status} ${status === 403 ? 'Forbidden' : 'Refused'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`))
  await writer.close()
  await reader.cancel('refused')
}
