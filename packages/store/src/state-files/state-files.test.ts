/** Where saved states are kept: a directory and a bucket keep the same promises, and what is kept is sealed. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import { createServer } from 'node:net'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateFiles } from '@berth/core'
import { SignatureV4 } from '@smithy/signature-v4'
import S3rver from 's3rver'
import { createDirectoryFiles } from './directory.ts'
import { createS3Files } from './s3.ts'
import { opened, sealed } from './sealed.ts'

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
async function* pieces(total: number, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let left = total; left > 0; left -= size) yield random(Math.min(size, left))
}
/** When two parts have been sent. */
async function* breaking(): AsyncGenerator<Uint8Array> {
  yield* pieces(20_000_000)
  throw new Error('it broke off')
}
const joined = async (source: AsyncIterable<Uint8Array> | null): Promise<Buffer> => Buffer.concat(source === null ? [] : await Array.fromAsync(source))
const freePort = (): Promise<number> => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number }
    server.close(() => resolve(port))
  })
})

/** Amazon's own signer says what the signature must be: the server behind it does not look. */
class Sha256 {
  private readonly hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) { this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', typeof secret === 'string' ? secret : Buffer.from(secret as ArrayBuffer)) }
  update(data: string | Uint8Array): void { this.hash.update(data) }
  digest(): Promise<Uint8Array> { return Promise.resolve(new Uint8Array(this.hash.digest())) }
}
async function isSigned(request: Request, body: Uint8Array): Promise<boolean> {
  const signer = new SignatureV4({ service: 's3', region: 'us-east-1', credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }, sha256: Sha256 as never, uriEscapePath: false })
  const url = new URL(request.url)
  const time = request.headers.get('x-amz-date') ?? ''
  const at = new Date(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (request.headers.get('x-amz-content-sha256') !== createHash('sha256').update(body).digest('hex')) return false
  const signed = await signer.sign({ method: request.method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, query: Object.fromEntries(url.searchParams), headers: { host: request.headers.get('host') ?? '', 'x-amz-date': time, 'x-amz-content-sha256': request.headers.get('x-amz-content-sha256') ?? '' } }, { signingDate: at })
  return signed.headers['authorization'] === request.headers.get('authorization')
}

const root = mkdtempSync(join(tmpdir(), 'berth-states-'))
let bucket: S3rver
let guard: Bun.Server<undefined>
let endpoint = ''
beforeAll(async () => {
  const port = await freePort()
  guard = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    async fetch(request) {
      const body = new Uint8Array(await request.arrayBuffer())
      if (!(await isSigned(request, body))) return new Response('<Error><Code>SignatureDoesNotMatch</Code></Error>', { status: 403 })
      const { pathname, search } = new URL(request.url)
      return fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method: request.method, headers: request.headers, ...(body.length === 0 ? {} : { body }) })
    },
  })
  endpoint = `http://127.0.0.1:${guard.port}`
  bucket = new S3rver({ port, address: '127.0.0.1', silent: true, directory: join(root, 's3'), configureBuckets: [{ name: 'kept', configs: [] }] })
  await bucket.run()
})
afterAll(async () => {
  await guard?.stop(true)
  await bucket?.close()
  rmSync(root, { recursive: true, force: true })
})
const s3 = (secretAccessKey = 'S3RVER'): StateFiles => createS3Files({ endpoint, bucket: 'kept', region: 'us-east-1', prefix: 'berth/', accessKeyId: 'S3RVER', secretAccessKey })
const PLACES: readonly (readonly [string, () => StateFiles])[] = [['a directory', () => createDirectoryFiles({ dir: join(root, 'states') })], ['a bucket', s3]]

for (const [name, open] of PLACES) {
  describe(name, () => {
    it('gives back what was put, whole, and knows its names', async () => {
      const files = open()
      for (const size of [1, 300_000, 21_000_000]) {
        const sent: Uint8Array[] = []
        const keep = async function* () { for await (const piece of pieces(size)) { sent.push(new Uint8Array(piece)); yield piece } }
        await files.put('sav_one.berth', keep())
        expect((await joined(await files.get('sav_one.berth'))).equals(Buffer.concat(sent))).toBe(true)
      }
      expect(await files.list()).toEqual(['sav_one.berth'])
    }, 60_000)

    it('keeps nothing of what broke off, and what was there before', async () => {
      const files = open()
      await files.put('sav_two.berth', pieces(1000))
      const before = await joined(await files.get('sav_two.berth'))
      await expect(files.put('sav_two.berth', breaking())).rejects.toThrow('it broke off')
      await expect(files.put('sav_new.berth', breaking())).rejects.toThrow('it broke off')
      expect((await joined(await files.get('sav_two.berth'))).equals(before)).toBe(true)
      expect(await files.get('sav_new.berth')).toBeNull()
      expect((await files.list()).toSorted()).toEqual(['sav_one.berth', 'sav_two.berth'])
    }, 60_000)

    it('forgets what is removed, twice too, and refuses names that lead elsewhere', async () => {
      const files = open()
      await files.remove('sav_two.berth')
      await files.remove('sav_two.berth')
      expect(await files.get('sav_two.berth')).toBeNull()
      expect(() => files.remove('../x')).toThrow('not the name')
    })
  })
}

it('says that a bucket refused, and shows no key', async () => {
  const said = await s3('a-wrong-secret-that-nobody-may-see').put('sav_x.berth', pieces(10)).then(() => '', (error: Error) => `${error.message} ${JSON.stringify(error)}`)
  expect(said).toContain('refused: SignatureDoesNotMatch')
  expect(said).not.toContain('wrong-secret')
})

it('leaves no file of a broken upload in the directory', () => expect(readdirSync(join(root, 'states')).filter((name) => name.includes('.part'))).toEqual([]))

describe('what is sealed', () => {
  const masterKey = random(32)
  const plain = Buffer.concat([Buffer.from('a plain beginning'), random(700_000)])
  const kept = async () => joined(sealed((async function* () { yield plain })(), { id: 'sav_a', masterKey, random }))
  const open = async (bytes: Uint8Array, key: Uint8Array = masterKey) => joined((await opened((async function* () { yield bytes })(), key)).plain)
  it('opens with the key, also an older one, and shows nothing without', async () => {
    const bytes = await kept()
    expect((await open(bytes)).equals(plain)).toBe(true)
    expect(bytes.includes('a plain beginning')).toBe(false)
    await expect(open(bytes, random(32))).rejects.toThrow('another master key')
    expect((await joined((await opened((async function* () { yield bytes })(), [random(32), masterKey])).plain)).equals(plain)).toBe(true)
  })
  it('notices each change: a byte, an end that is missing, pieces in another order', async () => {
    const bytes = await kept()
    const header = bytes.indexOf(10) + 1
    const piece = 4 + 256 * 1024 + 16
    const [one, two] = [bytes.subarray(header, header + piece), bytes.subarray(header + piece, header + 2 * piece)]
    const wrong = [bytes.subarray(0, header + 2 * piece), bytes.subarray(0, bytes.length - 1), Buffer.concat([bytes.subarray(0, header), two, one, bytes.subarray(header + 2 * piece)]), Buffer.concat([bytes.subarray(0, header), two, bytes.subarray(header + 2 * piece)])]
    for (const at of [header, header + 4, header + piece + 100, bytes.length - 1]) wrong.push(Buffer.concat([bytes.subarray(0, at), Buffer.from([(bytes[at] ?? 0) ^ 1]), bytes.subarray(at + 1)]))
    for (const changed of wrong) await expect(open(changed)).rejects.toThrow('damaged')
  })
})
