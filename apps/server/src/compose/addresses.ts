/** Where the server is reached, from the words that it was started with. */
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire'
import type { ServeOptions } from '../main.ts'
import type { TlsConfig } from '../tls/settings.ts'
import type { ServerConfig } from './config.ts'

/** Words of the command line about our own https. */
export const TLS_OPTIONS = {
  'tls-cert': { type: 'string' }, 'tls-key': { type: 'string' }, acme: { type: 'string' }, 'acme-directory': { type: 'string' },
  dns: { type: 'string' }, 'dns-command': { type: 'string' }, 'https-port': { type: 'string' }, 'http-port': { type: 'string' },
} as const
type TlsValues = { [K in keyof typeof TLS_OPTIONS]?: string }

const GIVEN = ['publicUrl', 'notify', 'drainNoticeSeconds', 'linkUrl', 'linkPort', 'standby'] as const

/** What the command line says comes before the file. */
export function withOptions(config: ServerConfig, { previews, tls, ...given }: Pick<ServeOptions, (typeof GIVEN)[number] | 'previews' | 'tls'>): ServerConfig {
  return {
    ...config,
    ...Object.fromEntries(GIVEN.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))),
    ...(previews === undefined ? {} : { previews: { ...config.previews, ...previews } }),
    ...(tls === undefined ? {} : { tls: { ...config.tls, ...tls } }),
  }
}

export function addressOf(values: { listen?: string; port?: string; public?: string; 'preview-base'?: string; 'preview-port'?: string } & TlsValues): Pick<ServeOptions, 'listen' | 'port' | 'publicUrl' | 'previews' | 'tls'> {
  const { 'preview-base': base, 'preview-port': previewPort } = values
  return {
    previews: { ...(base === undefined ? {} : { base }), ...(previewPort === undefined ? {} : { port: portOf(previewPort) }) },
    ...(values.listen === undefined ? {} : { listen: values.listen }),
    ...(values.port === undefined ? {} : { port: portOf(values.port) }),
    ...(values.public === undefined ? {} : { publicUrl: publicUrlOf(values.public) }),
    ...tlsOf(values),
  }
}

function tlsOf(values: TlsValues): Pick<ServeOptions, 'tls'> {
  const { 'https-port': port, 'http-port': httpPort } = values
  if (Object.keys(TLS_OPTIONS).every((name) => values[name as keyof TlsValues] === undefined)) return {}
  return { tls: {
    ...filesOf(values), ...acmeOf(values),
    ...(port === undefined ? {} : { port: portOf(port) }), ...(httpPort === undefined ? {} : { httpPort: httpPort === 'off' ? false as const : portOf(httpPort) }),
  } }
}

function filesOf({ 'tls-cert': cert, 'tls-key': key }: TlsValues): Pick<TlsConfig, 'certificates'> {
  if ((cert === undefined) !== (key === undefined)) throw new BerthError('bad_request', '--tls-cert and --tls-key go together', { hint: 'name the PEM files of the certificate with its chain and of its key' })
  return cert === undefined || key === undefined ? {} : { certificates: [{ cert: resolve(cert), key: resolve(key) }] }
}

function acmeOf({ acme: email, 'acme-directory': directory, dns, 'dns-command': command }: TlsValues): Pick<TlsConfig, 'acme'> {
  if (dns !== undefined && dns !== 'cloudflare') throw new BerthError('bad_request', `--dns ${dns} is not known`, { hint: '--dns cloudflare, or any command with --dns-command' })
  if ([email, directory, dns, command].every((value) => value === undefined)) return {}
  const writes = command !== undefined ? { dns: { command: command.trim().split(/\s+/) } } : dns === undefined ? {} : { dns: 'cloudflare' as const }
  return { acme: { ...(email === undefined ? {} : { email }), ...(directory === undefined ? {} : { directory }), ...writes } }
}

function publicUrlOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new BerthError('bad_request', `--public ${text} is not the address of a host`, { hint: 'give it as https://berth.example.org, without a path' })
  }
  return url.origin
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new BerthError('bad_request', `--port ${text} is not a port`, { hint: 'use a number from 0 to 65535' })
  return port
}
