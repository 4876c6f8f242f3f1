/** A reader of tar streams: ustar, pax and GNU long names. Pure: bytes in, members out. */
const BLOCK = 512
const META_LIMIT = 64 * 1024

export interface TarMember { readonly path: string; readonly kind: 'file' | 'directory' | 'symlink' | 'other'; readonly mode: number; readonly size: number; readonly target: string; readonly mtimeSeconds: number }
export type TarEvent = { readonly type: 'member'; readonly member: TarMember } | { readonly type: 'data'; readonly bytes: Uint8Array } | { readonly type: 'end' }

/** Throws RangeError on what is not tar. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEvent> {
  const input = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  const more = async (): Promise<boolean> => {
    const next = await input.next()
    if (next.done === true) return false
    rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value])
    return true
  }
  const exactly = async (size: number): Promise<Uint8Array | null> => {
    while (rest.length < size) if (!(await more())) return null
    const bytes = rest.subarray(0, size)
    rest = rest.subarray(size)
    return bytes
  }
  let named: { path?: string; target?: string; size?: number } = {}
  for (;;) {
    const header = await exactly(BLOCK)
    if (header === null) throw new RangeError('the archive ends too early')
    if (header.every((byte) => byte === 0)) return
    const member = parseHeader(header)
    if ('LKxg'.includes(member.flag)) {
      if (member.size > META_LIMIT) throw new RangeError('a name in the archive is too long')
      const meta = await exactly(padded(member.size))
      if (meta === null) throw new RangeError('the archive ends too early')
      named = { ...named, ...longNames(member.flag, meta.subarray(0, member.size)) }
      continue
    }
    const size = named.size ?? member.size
    yield { type: 'member', member: { path: named.path ?? member.path, kind: kindOf(member.flag), mode: member.mode, size, target: named.target ?? member.target, mtimeSeconds: member.mtimeSeconds } }
    named = {}
    let left = size
    while (left > 0) {
      if (rest.length === 0 && !(await more())) throw new RangeError('the archive ends too early')
      const bytes = rest.subarray(0, left)
      rest = rest.subarray(bytes.length)
      left -= bytes.length
      if (bytes.length > 0) yield { type: 'data', bytes }
    }
    if ((await exactly(padded(size) - size)) === null) throw new RangeError('the archive ends too early')
    yield { type: 'end' }
  }
}

function parseHeader(header: Uint8Array): { path: string; flag: string; mode: number; size: number; target: string; mtimeSeconds: number } {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (octal(header.subarray(148, 156)) !== sum) throw new RangeError('the archive is damaged')
  const isUstar = text(header.subarray(257, 262)) === 'ustar'
  const prefix = isUstar && header[263] === 0x30 ? text(header.subarray(345, 500)) : ''
  const name = text(header.subarray(0, 100))
  return {
    path: prefix === '' ? name : `${prefix}/${name}`, flag: String.fromCharCode(header[156] ?? 0), mode: octal(header.subarray(100, 108)),
    size: sizeOf(header.subarray(124, 136)), mtimeSeconds: octal(header.subarray(136, 148)) || 0, target: text(header.subarray(157, 257)),
  }
}

function longNames(flag: string, meta: Uint8Array): { path?: string; target?: string; size?: number } {
  if (flag === 'L') return { path: text(meta) }
  if (flag === 'K') return { target: text(meta) }
  if (flag === 'g') return {}
  const found: { path?: string; target?: string; size?: number } = {}
  let at = 0
  while (at < meta.length) {
    const space = meta.indexOf(0x20, at)
    const length = Number(text(meta.subarray(at, space)))
    if (space < 0 || !Number.isInteger(length) || length <= space - at) throw new RangeError('the archive is damaged')
    const record = new TextDecoder().decode(meta.subarray(space + 1, at + length - 1))
    const equals = record.indexOf('=')
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)]
    if (key === 'path') found.path = value
    if (key === 'linkpath') found.target = value
    if (key === 'size') found.size = sizeIn(value)
    at += length
  }
  return found
}

function kindOf(flag: string): TarMember['kind'] {
  if (flag === '0' || flag === '\0' || flag === '7') return 'file'
  if (flag === '5') return 'directory'
  return flag === '2' ? 'symlink' : 'other'
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK
const octal = (field: Uint8Array): number => Number.parseInt(text(field).trim() || '0', 8)

function text(field: Uint8Array): string {
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}

/** Octal, or base 256 with the first bit set. */
function sizeOf(field: Uint8Array): number {
  return sizeIn(((field[0] ?? 0) & 0x80) === 0 ? octal(field) : field.subarray(1).reduce((total, byte) => total * 256 + byte, 0))
}

function sizeIn(value: string | number): number {
  const size = value === '' ? Number.NaN : Number(value)
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('the archive is damaged')
  return size
}
