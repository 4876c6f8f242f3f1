/**
 * Which names are previews: `<port>--<workspace>` below `localhost`, and below the base that the owner chose. Whoever
 * asks by such a name speaks with the workspace and with nothing of ours.
 */
import { BerthError } from '@berth/wire'

export interface PreviewName { readonly port: number; /** A workspace's name, or its id. */ readonly label: string; /** Below the chosen base rather than `localhost`. */ readonly onBase: boolean }
export interface PreviewHosts {
  /** Null: this host is no preview's. */
  named(host: string): PreviewName | null
  /** Where a browser finds it, without a path. */
  origin(name: { readonly port: number; readonly label: string }, onBase?: boolean): string
  /** The origin of the address if it is a preview's, on the port where we listen; null: anything else. */
  ofUrl(url: string): { readonly name: PreviewName; readonly origin: string; readonly path: string } | null
}

const NAME = /^([1-9]\d{0,4})--([a-z0-9_][a-z0-9_-]{0,53})$/
const LOCAL = 'localhost'

export function createPreviewHosts(options: { port: number; base: string | null; publicUrl: string | null }): PreviewHosts {
  const base = options.base === null ? null : baseOf(options.base, options)
  const under = (host: string, domain: string): string | null => (host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : null)

  function named(header: string): PreviewName | null {
    const host = header.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
    for (const [domain, onBase] of [[base?.hostname, true], [LOCAL, false]] as const) {
      const match = NAME.exec((domain === undefined ? null : under(host, domain)) ?? '')
      const port = Number(match?.[1])
      if (match !== null && port <= 65535) return { port, label: match[2] ?? '', onBase }
    }
    return null
  }
  const origin: PreviewHosts['origin'] = ({ port, label }, onBase = base !== null) =>
    onBase && base !== null ? `${base.protocol}//${port}--${label}.${base.host}` : `http://${port}--${label}.${LOCAL}:${options.port}`
  return {
    named, origin,
    ofUrl(text) {
      const url = URL.parse(text)
      const name = url === null ? null : named(url.host)
      if (url === null || name === null) return null
      const own = origin(name, name.onBase)
      return url.origin === new URL(own).origin ? { name, origin: own, path: `${url.pathname}${url.search}${url.hash}` } : null
    },
  }
}

/** One connection says the same host again and again. */
export function rememberNames(hosts: PreviewHosts): (connection: object, host: string) => PreviewName | null {
  const last = new WeakMap<object, { readonly host: string; readonly name: PreviewName | null }>()
  return (connection, host) => {
    const known = last.get(connection)
    if (known?.host === host) return known.name
    const name = hosts.named(host)
    last.set(connection, { host, name })
    return name
  }
}

/** `host`, `host:port` or an address; without a port the one where TLS or we answer. */
function baseOf(text: string, { port, publicUrl }: { port: number; publicUrl: string | null }): URL {
  const written = URL.parse(/^https?:\/\//.test(text) ? text : `${publicUrl?.startsWith('https:') === true ? 'https' : 'http'}://${text}`)
  if (written === null || written.pathname !== '/' || written.search !== '' || written.username !== '' || !/^[a-z0-9.-]+$/.test(written.hostname) || /^[\d.]+$/.test(written.hostname)) {
    throw new BerthError('config_invalid', `previews.base ${text} is not a domain`, { hint: 'give it as preview.example.net, with a wildcard DNS record *.preview.example.net' })
  }
  if (publicUrl !== null && siteOf(new URL(publicUrl).hostname) === siteOf(written.hostname)) {
    throw new BerthError('config_invalid', `previews below ${written.hostname} would share cookies with ${new URL(publicUrl).hostname}`, { hint: 'use another domain for previews, such as example-preview.net beside example.org' })
  }
  if (written.protocol === 'http:' && written.port === '') written.port = String(port)
  return written
}

/** The part of a name that one owner has: the last two labels, three where the last two are a country's. */
function siteOf(hostname: string): string {
  const labels = hostname.split('.')
  const country = labels.length > 2 && (labels.at(-1)?.length ?? 0) === 2 && (labels.at(-2)?.length ?? 0) <= 3
  return labels.slice(country ? -3 : -2).join('.')
}
