/**
 * Saved states in a bucket that speaks S3. In parts that are put together only when the last one is there: an upload that
 * breaks off is given up, and leaves what was there before. (The runtime's own client completes what it has when its
 * source fails, so it is not used.) Parts of a server that was killed are the bucket's to expire, by its own rule.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { StateFiles } from '@berth/core'
import { BerthError } from '@berth/wire'
import { checked } from './directory.ts'
import { signedRequest, type BucketAccess, type BucketRequest } from './signed-request.ts'

export interface S3Settings extends BucketAccess {
  /** Before each name: `berth/`. */
  readonly prefix: string
}
/** At 10,000 parts, the most there may be, 80 GiB: more than a state may have. */
const PART_BYTES = 8 * 1024 * 1024
const PAGES_LIMIT = 100
const TRIES = 4
const FIRST_PAUSE_MS = 250
const PASSING = new Set([429, 500, 502, 503, 504])

export function createS3Files(settings: S3Settings): StateFiles {
  const { bucket, endpoint, prefix } = settings
  const ask = (request: BucketRequest): Promise<Response> => answered(settings, request)
  const keyOf = (name: string): string => `${prefix}${checked(name)}`

  const putParts = async (key: string, from: AsyncIterator<Uint8Array>, first: Uint8Array, signal?: AbortSignal): Promise<void> => {
    const begun = await ask({ method: 'POST', key, query: { uploads: '' }, signal })
    const uploadId = tagIn(await begun.text(), 'UploadId') ?? refuse('no upload was begun')
    try {
      const tags: string[] = []
      for (let part: Uint8Array | null = first; part !== null; part = await nextPart(from)) {
        signal?.throwIfAborted()
        const answer: Response = await ask({ method: 'PUT', key, query: { partNumber: String(tags.length + 1), uploadId }, body: part, signal })
        tags.push(answer.headers.get('etag') ?? refuse('a part was not acknowledged'))
        await answer.body?.cancel()
      }
      const list = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('')
      const done = await (await ask({ method: 'POST', key, query: { uploadId }, body: Buffer.from(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`), signal })).text()
      // It may say 200 and refuse all the same.
      if (tagIn(done, 'ETag') === null) refuse(tagIn(done, 'Code') ?? 'the parts were not put together')
    } catch (cause) {
      await ask({ method: 'DELETE', key, query: { uploadId } }).then((answer) => answer.body?.cancel()).catch(() => {})
      throw cause
    }
  }

  return {
    place: `s3 bucket ${bucket} at ${new URL(endpoint).host}`,
    async put(name, source, signal) {
      const from = source[Symbol.asyncIterator]()
      const first = await nextPart(from) ?? new Uint8Array(0)
      if (first.length === PART_BYTES) return putParts(keyOf(name), from, first, signal)
      const answer = await ask({ method: 'PUT', key: keyOf(name), body: first, signal })
      await answer.body?.cancel()
    },
    async get(name, signal) {
      const answer = await ask({ method: 'GET', key: keyOf(name), signal })
      if (answer.status !== 404) return answer.body as AsyncIterable<Uint8Array> | null // fetch's body is one
      await answer.body?.cancel()
      return null
    },
    remove: async (name) => { await (await ask({ method: 'DELETE', key: keyOf(name) })).body?.cancel() },
    async list() {
      const names: string[] = []
      let after: string | null = null
      for (let page = 0; page < PAGES_LIMIT; page += 1) {
        const text: string = await (await ask({ method: 'GET', key: '', query: { 'list-type': '2', prefix, ...(after === null ? {} : { 'start-after': after }) } })).text()
        const keys = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key)
        names.push(...keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)).filter((name) => name !== '' && !name.includes('/')))
        after = keys.at(-1) ?? null
        if (tagIn(text, 'IsTruncated') !== 'true' || after === null) break
      }
      return names
    },
    async tidy() { /* The bucket's own rule. */ },
  }
}

/** As much as a part has, less at the end; null: nothing is left. */
async function nextPart(from: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
  const part = new Uint8Array(PART_BYTES)
  let length = behind.get(from)?.length ?? 0
  part.set(behind.get(from) ?? [])
  behind.delete(from)
  while (length < PART_BYTES) {
    const next = await from.next()
    if (next.done === true) return length === 0 ? null : part.subarray(0, length)
    const fits = next.value.subarray(0, PART_BYTES - length)
    part.set(fits, length)
    length += fits.length
    if (fits.length < next.value.length) behind.set(from, next.value.slice(fits.length))
  }
  return part
}
/** What did not fit into the part before. */
const behind = new WeakMap<AsyncIterator<Uint8Array>, Uint8Array>()

/** What passes is asked again: every request may be repeated. */
async function answered(access: BucketAccess, request: BucketRequest): Promise<Response> {
  for (let tried = 1; ; tried += 1) {
    const answer = await signedRequest(access, request, new Date()).catch((cause: unknown) => {
      if (request.signal?.aborted === true || tried >= TRIES) throw new BerthError('provider_unavailable', 'the bucket of the backups does not answer', { hint: 'check `backups` in config.yaml', cause })
      return null
    })
    const passes = answer === null || (PASSING.has(answer.status) && tried < TRIES)
    if (!passes) return judged(answer, request)
    await answer?.body?.cancel()
    await pause(FIRST_PAUSE_MS * 2 ** (tried - 1), undefined, request.signal === undefined ? {} : { signal: request.signal })
  }
}

/** That an object is not there is an answer; that its bucket is not there is none. */
async function judged(answer: Response, { method, key }: BucketRequest): Promise<Response> {
  if (answer.ok) return answer
  const code = tagIn(await answer.clone().text(), 'Code') ?? String(answer.status)
  const isAnswer = answer.status === 404 && code !== 'NoSuchBucket' && key !== '' && (method === 'GET' || method === 'DELETE')
  return isAnswer ? answer : refuse(code)
}

function refuse(code: string): never {
  throw new BerthError('provider_unavailable', `the bucket of the backups refused: ${code.slice(0, 100)}`, { hint: 'check `backups` in config.yaml, its key file, and that the bucket is there' })
}

const tagIn = (xml: string, tag: string): string | null => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1]?.replaceAll('&quot;', '"') ?? null
