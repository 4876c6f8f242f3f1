/** `tls:` of config.yaml: by which certificates our own front answers, and for which names. */
import { BerthError } from '@berth/wire'
import { z } from 'zod'

const port = z.number().int().min(0).max(65535)
const Command = z.array(z.string().min(1)).min(1)

export const TlsConfig = z.strictObject({
  /** Address of the front. Default: every one of this host. */
  listen: z.string().min(1).optional(),
  port: port.optional(),
  /** Where plain http is sent on to https, and where an authority looks for HTTP-01. `false`: nowhere. */
  httpPort: z.union([port, z.literal(false)]).optional(),
  /** Browsers that came once do not come without https for so long. Absent: nothing is said to them. */
  hstsDays: z.number().int().min(1).max(730).optional(),
  /** Files of one's own, read again when they change. */
  certificates: z.array(z.strictObject({ cert: z.string().startsWith('/'), key: z.string().startsWith('/') })).min(1).optional(),
  acme: z.strictObject({
    email: z.email().optional(),
    /** `letsencrypt` (default), `letsencrypt-staging`, or the address of another authority's directory. */
    directory: z.string().min(1).optional(),
    /** For an authority of one's own network. */
    caFile: z.string().startsWith('/').optional(),
    /** For an authority that knows its customers. */
    externalAccount: z.strictObject({ kid: z.string().min(1), keyFile: z.string().startsWith('/') }).optional(),
    /** Who writes TXT records: Cloudflare, or a command. Without one there is no wildcard. */
    dns: z.union([z.literal('cloudflare'), z.strictObject({ command: Command })]).optional(),
    /** Asked whether a TXT record is there, instead of the zone's own servers. `address` or `address:port`. */
    dnsServers: z.array(z.string().min(1)).min(1).optional(),
  }).optional(),
})
export type TlsConfig = z.infer<typeof TlsConfig>

const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
}

export function directoryUrl(named: string | undefined): string {
  const known = DIRECTORIES[named ?? 'letsencrypt']
  if (known !== undefined) return known
  if (URL.parse(named ?? '')?.protocol === 'https:') return named ?? ''
  throw new BerthError('config_invalid', `tls.acme.directory ${named} is no authority`, { hint: `one of ${Object.keys(DIRECTORIES).join(', ')}, or the https address of an ACME directory` })
}

/** What one certificate is to be for, and how the names are shown to be ours. */
export interface Wanted { readonly names: readonly [string, ...string[]]; readonly challenge: 'dns-01' | 'http-01' }

export interface Names {
  /** Where people reach the front; a router may map it to another one here. */
  readonly publicPort: number
  /** The page's. */
  readonly page: string
  /** For git alone, to the page's listener. Absent or null: it has no name of its own. */
  readonly git?: string | null
  /** Machines elsewhere come by it. */
  readonly link: string | null
  readonly previewBase: string | null
}

export function namesOf(places: { readonly publicUrl: string | null; readonly linkUrl: string | null; readonly previewBase: string | null; readonly gitUrl?: string | null }): Names {
  const page = places.publicUrl === null ? null : new URL(places.publicUrl)
  if (page?.protocol !== 'https:') throw new BerthError('config_invalid', 'TLS needs the name by which people reach this server', { hint: 'say it with --public https://berth.example.org' })
  const link = places.linkUrl === null ? null : new URL(places.linkUrl)
  if (link?.protocol === 'https:' && link.hostname === page.hostname) {
    throw new BerthError('config_invalid', `linkUrl has the page's own name ${page.hostname}`, { hint: 'give machines a name of their own, such as https://link.berth.example.org: it leads to another listener' })
  }
  return { git: ownName(places.gitUrl ?? null, page), publicPort: page.port === '' ? 443 : Number(page.port), page: page.hostname, link: link?.protocol === 'https:' ? link.hostname : null, previewBase: places.previewBase }
}

/** Of an address of https that is not the page's. */
function ownName(address: string | null, page: URL): string | null {
  const url = address === null ? null : new URL(address)
  return url?.protocol === 'https:' && url.hostname !== page.hostname ? url.hostname : null
}

/** One for each name, so that what goes wrong with one keeps no other from being served. */
export function wantedFor(names: Names, { acme }: Pick<TlsConfig, 'acme'>): Wanted[] {
  const challenge = acme?.dns === undefined ? 'http-01' : 'dns-01'
  const plain = [names.page, ...[names.git, names.link].filter((name) => typeof name === 'string')].map((name): Wanted => ({ names: [name], challenge }))
  return names.previewBase !== null && challenge === 'dns-01' ? [...plain, { names: [`*.${names.previewBase}`], challenge }] : plain
}
