/** A call of the ec2Query protocol, signed. */
import { awsAuthorization, awsTime, bodyHashOf } from '@berth/aws-signature'
import type { Credentials } from './credentials.ts'

export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value | undefined }
export type Parameters = Readonly<Record<string, Value | undefined>>

const VERSION = '2016-11-15'
const SERVICE = 'ec2'

export function signedCall({ endpoint, region, action, parameters }: { endpoint: string; region: string; action: string; parameters: Parameters }, { credentials: { accessKeyId, secretAccessKey, sessionToken }, now }: { credentials: Credentials; now: number }): { url: string; body: string; headers: Record<string, string> } {
  const url = new URL(endpoint)
  const body = String(new URLSearchParams([['Action', action], ['Version', VERSION], ...flat('', parameters)]))
  const at = awsTime(now)
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'x-amz-date': at, ...(sessionToken === null ? {} : { 'x-amz-security-token': sessionToken }) }
  const authorization = awsAuthorization({ accessKeyId, region, service: SERVICE }, secretAccessKey, { method: 'POST', url, headers: Object.entries(headers), bodyHash: bodyHashOf(body), at })
  return { url: url.href, body, headers: { ...headers, authorization } }
}

/** `{ Filter: [{ Name: 'a' }] }` is `Filter.1.Name=a`. */
function flat(path: string, value: Value | undefined): [string, string][] {
  if (value === undefined) return []
  if (typeof value !== 'object') return [[path, String(value)]]
  const parts = Array.isArray(value) ? (value as readonly Value[]).map((each, at) => [String(at + 1), each] as const) : Object.entries(value as Parameters)
  return parts.flatMap(([name, inner]) => flat(path === '' ? name : `${path}.${name}`, inner))
}
