/** AWS Signature Version 4 of one request: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. Pure. */
import { createHash, createHmac } from 'node:crypto'

export interface AwsPlace { readonly accessKeyId: string; readonly region: string; readonly service: string }
export interface ToSign {
  readonly method: string
  /** As `asAwsReads` gives it: what is signed is what is sent. One without path and query is so by itself. */
  readonly url: URL
  /** Those that are signed, beside `host`. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Of the body, or the word that stands for one. */
  readonly bodyHash: string
  /** `YYYYMMDDTHHMMSSZ` */
  readonly at: string
}

const sha = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const mac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const quoted = (text: string): string => encodeURIComponent(text).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)

export const awsTime = (now: number): string => new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '')
export const bodyHashOf = sha

/** The same address, with every letter quoted that AWS wants quoted. Null: it is not text. */
export function asAwsReads(url: URL): URL | null {
  try {
    const same = new URL(url)
    same.pathname = url.pathname.split('/').map((part) => quoted(decodeURIComponent(part))).join('/')
    same.search = queryOf(url)
    return same
  } catch {
    return null
  }
}

export function awsAuthorization({ accessKeyId, region, service }: AwsPlace, secret: string, { method, url, headers, bodyHash, at }: ToSign): string {
  const signed = merged([['host', url.host], ...headers])
  const names = signed.map(([name]) => name).join(';')
  // S3 takes the path as it stands; the others want it without empty parts, and quoted once more.
  const path = service === 's3' ? url.pathname : url.pathname.replaceAll(/\/{2,}/g, '/').split('/').map(quoted).join('/')
  const canonical = [method, path, queryOf(url), ...signed.map(([name, value]) => `${name}:${value}`), '', names, bodyHash].join('\n')
  const scope = `${at.slice(0, 'YYYYMMDD'.length)}/${region}/${service}/aws4_request`
  const key = scope.split('/').reduce<string | Buffer>((last, part) => mac(last, part), `AWS4${secret}`)
  const signature = mac(key, ['AWS4-HMAC-SHA256', at, scope, sha(canonical)].join('\n')).toString('hex')
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
}

const inOrder = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
function queryOf({ searchParams }: URL): string {
  return [...searchParams].map(([name, value]) => [quoted(name), quoted(value)] as const).toSorted(([a, x], [b, y]) => inOrder(a, b) || inOrder(x, y)).map(([name, value]) => `${name}=${value}`).join('&')
}
/** By name, those of one name as one. */
function merged(headers: ToSign['headers']): [string, string][] {
  const byName = new Map<string, string[]>()
  for (const [name, value] of headers) byName.set(name.toLowerCase(), [...byName.get(name.toLowerCase()) ?? [], value.trim().replaceAll(/\s+/g, ' ')])
  return [...byName].map(([name, values]): [string, string] => [name, values.join(',')]).toSorted(([a], [b]) => inOrder(a, b))
}
