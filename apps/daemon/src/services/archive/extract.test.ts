/** What an archive may do to the directory it is unpacked into, and what it may not do to anything else. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ARCHIVE_LIMITS, extractTar } from './extract.ts'

interface Member { readonly path: string; readonly flag?: string; readonly target?: string; readonly content?: string; readonly mode?: number; /** What the header says, when it lies. */ readonly size?: number | string }
const END = new Uint8Array(1024)
let root = ''
let dir = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-tar-'))
  dir = join(root, 'inside')
  mkdirSync(dir)
  writeFileSync(join(root, 'outside'), 'untouched')
})
afterEach(() => { rmSync(root, { recursive: true, force: true }) })

function header({ path, flag = '0', target = '', mode = 0o644, size }: Member, bytes: number): Uint8Array {
  const block = Buffer.alloc(512)
  block.write(path, 0, 100, 'latin1')
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
  block.write(typeof size === 'string' ? size : `${(size ?? bytes).toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1')
  block.write(flag, 156)
  block.write(target, 157, 100, 'latin1')
  block.write('ustar\x0000', 257)
  block.fill(' ', 148, 156)
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
function member(of: Member): Uint8Array {
  const content = Buffer.from(of.content ?? '')
  return Buffer.concat([header(of, content.length), content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}
/** A pax record of a name or size that a header cannot hold. */
const pax = (key: string, value: string): Uint8Array => {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length++
  return member({ path: 'pax', flag: 'x', content: `${length}${rest}` })
}
async function* stream(...blocks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  // Cut where no block ends.
  const all = Buffer.concat(blocks)
  for (let at = 0; at < all.length; at += 700) yield all.subarray(at, at + 700)
}
const unpack = (...blocks: Uint8Array[]) => extractTar(stream(...blocks, END), dir)
const refusalOf = (...blocks: Uint8Array[]): Promise<unknown> => unpack(...blocks).then(() => null, (error: unknown) => error)

test('unpacks files, directories, links and long names, with their modes but nothing more', async () => {
  const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`
  await unpack(
    member({ path: './', flag: '5', mode: 0o755 }), member({ path: './a/b.txt', content: 'hello' }), member({ path: 'run.sh', mode: 0o6755, content: '#!' }),
    member({ path: 'link', flag: '2', target: '../outside' }), pax('path', long), member({ path: 'cut', content: 'long' }),
  )
  expect(readFileSync(join(dir, 'a/b.txt'), 'utf8')).toBe('hello')
  expect(statSync(join(dir, 'run.sh')).mode & 0o7777).toBe(0o755)
  expect(readlinkSync(join(dir, 'link'))).toBe('../outside')
  expect(readFileSync(join(dir, long), 'utf8')).toBe('long')
})

const ESCAPES: Record<string, Uint8Array[]> = {
  'a parent path': [member({ path: '../outside', content: 'x' })],
  'a parent path inside': [member({ path: 'a/../../outside', content: 'x' })],
  'a parent path by pax': [pax('path', '../outside'), member({ path: 'fine', content: 'x' })],
  'an absolute path': [member({ path: '/tmp/berth-never', content: 'x' })],
  'an absolute path by pax': [pax('path', join('/tmp', 'berth-never')), member({ path: 'fine', content: 'x' })],
  'a directory link, then a file below it': [member({ path: 'way', flag: '2', target: '..' }), member({ path: 'way/outside', content: 'x' })],
  'a directory that became a link': [member({ path: 'way', flag: '5' }), member({ path: 'way', flag: '2', target: '..' }), member({ path: 'way/outside', content: 'x' })],
  'a file through a link of its own name': [member({ path: 'out', flag: '2', target: '../outside' }), member({ path: 'out', content: 'x' })],
  'a hard link': [member({ path: 'hard', flag: '1', target: '../outside' })],
  'a character device': [member({ path: 'null', flag: '3' })],
  'a block device': [member({ path: 'disk', flag: '4' })],
  'a fifo': [member({ path: 'pipe', flag: '6' })],
  'a sparse file of ten gigabytes': [member({ path: 'sparse', flag: 'S', size: '\x80\0\0\0\0\0\0\x02\x80\0\0\0' })],
  'a file that is already there': [member({ path: 'a', content: '1' }), member({ path: 'a', content: '2' })],
  'a NUL in a name': [pax('path', 'a\0b'), member({ path: 'fine', content: 'x' })],
}
for (const [what, blocks] of Object.entries(ESCAPES)) {
  test(`refuses ${what}, and touches nothing outside`, async () => {
    expect(await refusalOf(...blocks)).toBeInstanceOf(Error)
    expect(readdirSync(root).sort()).toEqual(['inside', 'outside'])
    expect(readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched')
    expect(existsSync('/tmp/berth-never')).toBe(false)
  })
}

test('refuses what is damaged, and sizes that are none', async () => {
  const broken = member({ path: 'a', content: 'x' })
  broken[10] = 0x41
  for (const blocks of [[broken], [pax('size', 'NaN'), member({ path: 'a', content: 'x' })], [pax('size', '-512'), member({ path: 'a', content: 'x' })], [member({ path: 'a', size: 'zzzzzzzzzzz\0' })]]) {
    expect(await refusalOf(...blocks)).toBeInstanceOf(RangeError)
  }
  expect(await extractTar(stream(member({ path: 'a', size: 4096, content: 'short' })), dir).then(() => null, (error: unknown) => error)).toBeInstanceOf(RangeError)
})

test('refuses more bytes or more members than a workspace may begin with, before they are written', async () => {
  expect(await refusalOf(pax('size', String(ARCHIVE_LIMITS.bytes + 1)), member({ path: 'huge' }))).toMatchObject({ code: 'too_large' })
  expect(readdirSync(dir)).toEqual([])
  const many = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < 4; at++) yield member({ path: `f${at}`, flag: '5' })
    yield END
  }
  expect(await extractTar(many(), dir, { ...ARCHIVE_LIMITS, members: 3 }).then(() => null, (error: unknown) => error)).toMatchObject({ code: 'too_large' })
  expect(ARCHIVE_LIMITS.members).toBe(1_000_000)
})
