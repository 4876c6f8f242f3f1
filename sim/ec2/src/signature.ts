/** Who asks: AWS Signature Version 4, checked as the vendor checks it. https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { Refusal } from './model.ts'

export interface Key { readonly secret: string; /** Of temporary credentials. */ readonly sessionToken?: string; /** ms; absent: it does not end. */ expiresAt?: number; /** Actions that it may not do. */ denied?: RegExp }

const SKEW_MS = 5 * 60_000
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

const momentOf = (date: string): number => Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
interface Header { readonly id: string; readonly day: string; readonly region: string; readonly service: string; readonly names: readonly string[]; readonly signature: Buffer }

/** The key that signed it. */
export function signerOf(request: Request, body: string, { keys, now, region }: { keys: ReadonlyMap<string, Key>; now: number; region: string }): Key {
  const header = headerIn(request.headers.get('authorization') ?? '')
  const key = keys.get(header.id)
  if (key === undefined || (key.sessionToken ?? null) !== request.headers.get('x-amz-security-token')) throw new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401)
  const date = request.headers.get('x-amz-date') ?? ''
  if (!date.startsWith(header.day) || !(Math.abs(momentOf(date) - now) <= SKEW_MS) || (key.expiresAt ?? Infinity) <= now) throw new Refusal('RequestExpired', 'Request has expired.')
  if (header.region !== region || header.service !== 'ec2' || !header.names.includes('host') || !header.names.includes('x-amz-date')) throw new Refusal('SignatureDoesNotMatch', `Credential should be scoped to ${region}/ec2`, 403)
  if (!timingSafeEqual(signatureOf(request, { header, body, date, secret: key.secret }), header.signature)) throw new Refusal('SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.', 403)
  return key
}

function headerIn(text: string): Header {
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(text)
  if (found === null) throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
  const [, id, day, region, service, names, signature] = found as unknown as [string, string, string, string, string, string, string] // all its groups are needed to match
  return { id, day, region, service, names: names.split(';'), signature: Buffer.from(signature, 'hex') }
}

function signatureOf(request: Request, { header, body, date, secret }: { header: Header; body: string; date: string; secret: string }): Buffer {
  const { pathname, search, host } = new URL(request.url)
  const { names, day, region } = header
  // A request that never saw a network has no host but its address's.
  const valueOf = (name: string): string => (request.headers.get(name) ?? (name === 'host' ? host : '')).trim().replace(/ +/g, ' ')
  const canonical = [request.method, pathname, search.slice(1), ...names.map((name) => `${name}:${valueOf(name)}`), '', names.join(';'), sha256(body)].join('\n')
  const derived = ['ec2', 'aws4_request'].reduce(hmac, hmac(hmac(`AWS4${secret}`, day), region))
  return hmac(derived, ['AWS4-HMAC-SHA256', date, `${day}/${region}/ec2/aws4_request`, sha256(canonical)].join('\n'))
}
