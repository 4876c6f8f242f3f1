/** One request to a bucket, signed as AWS Signature Version 4 asks: path-style, header by header, its body by its hash. */
import { asAwsReads, awsAuthorization, awsTime, bodyHashOf } from '@berth/aws-signature'

export interface BucketAccess {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  /** Secrets. */
  readonly accessKeyId: string
  readonly secretAccessKey: string
}
export interface BucketRequest { readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'; /** Empty: the bucket itself. */ readonly key: string; readonly query?: Readonly<Record<string, string>>; readonly body?: Uint8Array; readonly signal?: AbortSignal | undefined }

export async function signedRequest({ endpoint, bucket, region, accessKeyId, secretAccessKey }: BucketAccess, { method, key, query = {}, body = new Uint8Array(0), signal }: BucketRequest, now: Date): Promise<Response> {
  const wanted = new URL(endpoint)
  wanted.pathname = [wanted.pathname.replace(/\/$/, ''), ...[bucket, ...(key === '' ? [] : key.split('/'))].map(encodeURIComponent)].join('/')
  wanted.search = String(new URLSearchParams(query))
  const url = asAwsReads(wanted)
  if (url === null) throw new Error('the address of the bucket is not text')
  const bodyHash = bodyHashOf(body)
  const at = awsTime(now.getTime())
  const headers = { 'x-amz-content-sha256': bodyHash, 'x-amz-date': at }
  const authorization = awsAuthorization({ accessKeyId, region, service: 's3' }, secretAccessKey, { method, url, headers: Object.entries(headers), bodyHash, at })
  return fetch(url, { method, headers: { ...headers, authorization }, redirect: 'error', ...(body.length === 0 ? {} : { body: body as Uint8Array<ArrayBuffer> }), ...(signal === undefined ? {} : { signal }) })
}
