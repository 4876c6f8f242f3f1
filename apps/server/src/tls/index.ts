/** TLS in our own front, as config.yaml or the command line says it. */
import { readFile } from 'node:fs/promises'
import type { Clock } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { ClientConnection } from '../previews/client-connection.ts'
import type { PreviewHosts } from '../previews/hosts.ts'
import { createAuthority, type Authority, type ChallengeSolver } from './acme.ts'
import { renewAt, type Certificate } from './certificate.ts'
import { createDnsChallenge, type TxtWriter } from './dns-challenge.ts'
import { createCommandWriter } from './dns-command.ts'
import { openCertificateFiles } from './files.ts'
import { openFront, type Destination } from './front.ts'
import { openKeptCertificates } from './kept.ts'
import { startKeeper, type CertificateState } from './keeper.ts'
import { openPlain, type PlainListener } from './plain.ts'
import { directoryUrl, wantedFor, type Names, type TlsConfig } from './settings.ts'
import { messageOf } from '../thrown.ts'

export interface TlsDeps {
  readonly home: string
  readonly config: TlsConfig
  readonly names: Names
  readonly clock: Clock
  readonly log: (line: string) => void
  /** The two listeners behind the front. */
  readonly page: { readonly hostname: string; readonly port: number }
  readonly link: { readonly hostname: string; readonly port: number }
  readonly previews: { readonly hosts: PreviewHosts; serve(visitor: ClientConnection): Promise<void> }
  /** Whether a preview of that name may have a certificate of its own. */
  exists(host: string): Promise<boolean>
  /** Writes TXT records by Cloudflare. */
  cloudflare(): TxtWriter
}
export interface Tls {
  readonly port: number
  readonly httpPort: number | null
  readonly hstsSeconds: number | null
  peerOf(port: number): string | null
  states(): readonly CertificateState[]
  stopAccepting(): void
  stop(): Promise<void>
}
/** Where certificates come from. */
interface Source {
  find(host: string): Certificate | null
  onDemand(host: string, signal: AbortSignal): Promise<Certificate | null>
  states(): readonly CertificateState[]
  stop(): Promise<void>
}

const DAY_S = 24 * 3600

export async function openTls(deps: TlsDeps): Promise<Tls> {
  const { config, log } = deps
  const started: { stop(): Promise<void> }[] = []
  const stop = async (): Promise<void> => {
    for (let next = started.pop(); next; next = started.pop()) await next.stop()
  }
  try {
    const named = (host: string) => destinationOf(deps, host) !== null
    let source: Source | null = null
    const front = await openFront({
      listen: config.listen ?? '::', port: config.port ?? 443, log,
      destination: (host) => destinationOf(deps, host),
      async certificate(host, signal) {
        const found = source?.find(host) ?? null
        return found !== null && renewAt(found) > deps.clock.now() ? found : (await onDemand(deps, source, { host, signal })) ?? found
      },
      previews: (visitor) => deps.previews.serve(visitor),
    })
    started.push(front)
    const plain = config.httpPort === false ? null : openPlain({ listen: config.listen ?? '::', port: config.httpPort ?? 80, httpsPort: deps.names.publicPort, known: named })
    if (plain !== null) started.push(plain)
    source = await sourceOf(deps, plain)
    started.push(source)
    log(`https on port ${front.port}${plain === null ? '' : `, http on port ${plain.port}`}`)
    const from = source
    return {
      port: front.port, httpPort: plain?.port ?? null, hstsSeconds: config.hstsDays === undefined ? null : config.hstsDays * DAY_S,
      peerOf: (port) => front.peerOf(port), states: () => from.states(), stopAccepting: () => front.stopAccepting(), stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function destinationOf({ names, page, link, previews }: TlsDeps, host: string): Destination | null {
  if (host === names.page || host === names.git) return { to: 'listener', ...page }
  if (host === names.link) return { to: 'listener', ...link }
  return previews.hosts.named(host)?.onBase === true ? { to: 'previews' } : null
}

/** Where nobody writes DNS records there is no wildcard, and each preview gets a certificate when it is first opened. */
async function onDemand(deps: TlsDeps, source: Source | null, { host, signal }: { host: string; signal: AbortSignal }): Promise<Certificate | null> {
  if (source === null || deps.config.acme === undefined || deps.config.acme.dns !== undefined) return null
  return destinationOf(deps, host)?.to === 'previews' && (await deps.exists(host)) ? source.onDemand(host, signal) : null
}

async function sourceOf(deps: TlsDeps, plain: PlainListener | null): Promise<Source> {
  const { config, names, clock, log, home } = deps
  if (config.certificates !== undefined) {
    const files = await openCertificateFiles(config.certificates, { log })
    return { ...files, onDemand: async () => null, stop: async () => files.stop() }
  }
  if (config.acme === undefined) throw new BerthError('config_invalid', 'tls has neither certificates nor acme', { hint: 'name files with --tls-cert and --tls-key, or an authority with --acme <email>' })
  const wanted = wantedFor(names, config)
  if (plain === null && wanted.some(({ challenge }) => challenge === 'http-01')) throw new BerthError('config_invalid', 'without tls.httpPort an authority finds nothing by HTTP-01', { hint: 'set tls.acme.dns, or leave tls.httpPort at 80' })
  const directory = directoryUrl(config.acme.directory)
  const kept = await openKeptCertificates(home, directory)
  const authority = await authorityOf(deps, config.acme, { directory, accountKey: (make) => kept.accountKey(make), plain })
  return startKeeper({ wanted, authority, kept, clock, log })
}

async function authorityOf(deps: TlsDeps, acme: NonNullable<TlsConfig['acme']>, at: { directory: string; accountKey(make: () => Promise<string>): Promise<string>; plain: PlainListener | null }): Promise<Authority> {
  const writer = acme.dns === undefined ? null : acme.dns === 'cloudflare' ? deps.cloudflare() : createCommandWriter(acme.dns.command)
  const dns: ChallengeSolver | null = writer === null ? null : createDnsChallenge({ writer, look: { servers: acme.dnsServers ?? null }, log: deps.log })
  return createAuthority({
    directory: at.directory, email: acme.email ?? null, accountKey: at.accountKey,
    ca: acme.caFile === undefined ? null : await textOf(acme.caFile, 'tls.acme.caFile'),
    externalAccount: acme.externalAccount === undefined ? null : { kid: acme.externalAccount.kid, key: (await textOf(acme.externalAccount.keyFile, 'tls.acme.externalAccount.keyFile')).trim() },
    solvers: { ...(dns === null ? {} : { 'dns-01': dns }), ...(at.plain === null ? {} : { 'http-01': at.plain.solver }) },
  })
}

async function textOf(path: string, setting: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BerthError('config_invalid', `${setting} ${path} cannot be read: ${messageOf(cause)}`, { hint: 'is it there, and may the server read it?', cause })
  })
}
