/** Tar streams as `archive/tar.ts` reads them: ustar, with pax records where a name or a size does not fit. */
const BLOCK = 512
const NAME_BYTES = 100
const LARGEST = 0o77777777777

export interface TarEntry { readonly path: string; readonly kind: 'file' | 'directory' | 'symlink'; readonly mode: number; readonly sizeBytes: number; readonly mtimeSeconds: number; readonly target: string }

const FLAG = { file: '0', directory: '5', symlink: '2' } as const
const bytesOf = (text: string): number => Buffer.byteLength(text)

/** Everything before the bytes of the file. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const records = [
    ...(bytesOf(entry.path) > NAME_BYTES ? [record('path', entry.path)] : []),
    ...(bytesOf(entry.target) > NAME_BYTES ? [record('linkpath', entry.target)] : []),
    ...(entry.sizeBytes > LARGEST ? [record('size', String(entry.sizeBytes))] : []),
  ].join('')
  const own = block({ ...entry, flag: FLAG[entry.kind] })
  if (records === '') return own
  const size = bytesOf(records)
  const meta = Buffer.alloc(padded(size))
  meta.write(records)
  return Buffer.concat([block({ path: 'pax', target: '', mode: 0o644, mtimeSeconds: 0, sizeBytes: size, flag: 'x' }), meta, own])
}
export const tarPadding = (sizeBytes: number): Uint8Array => new Uint8Array(padded(sizeBytes) - sizeBytes)
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK)

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK

/** Its own length counts. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = bytesOf(rest)
  while (String(length).length + bytesOf(rest) !== length) length = String(length).length + bytesOf(rest)
  return `${length}${rest}`
}

function block(of: { path: string; target: string; mode: number; mtimeSeconds: number; sizeBytes: number; flag: string }): Buffer {
  const header = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, width: number): void => { header.write(`${Math.min(value, 8 ** (width - 1) - 1).toString(8).padStart(width - 1, '0')}\0`, at, 'latin1') }
  Buffer.from(of.path).copy(header, 0, 0, NAME_BYTES)
  octal(of.mode & 0o7777, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(of.sizeBytes, 124, 12)
  octal(Math.max(0, of.mtimeSeconds), 136, 12)
  header.write('        ', 148, 'latin1')
  header.write(of.flag, 156, 'latin1')
  Buffer.from(of.target).copy(header, 157, 0, NAME_BYTES)
  header.write('ustar\u000000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
