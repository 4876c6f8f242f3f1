/** A ustar writer for the few entries the engine is handed: paths below 100 bytes, no archive is read back. */
export interface TarEntry {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
  readonly content?: string | Uint8Array
  readonly linkTarget?: string
}
const BLOCK = 512
const TYPE = { file: '0', directory: '5', symlink: '2' } as const

export function tar(entries: readonly TarEntry[], mtimeMs = 0): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const body = typeof entry.content === 'string' ? new TextEncoder().encode(entry.content) : entry.content ?? new Uint8Array()
    parts.push(header(entry, body.length, Math.floor(mtimeMs / 1000)), body, new Uint8Array((BLOCK - (body.length % BLOCK)) % BLOCK))
  }
  parts.push(new Uint8Array(2 * BLOCK))
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function header(entry: TarEntry, size: number, mtime: number): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = (text: string, at: number, length: number): void => {
    const bytes = new TextEncoder().encode(text)
    if (bytes.length > length) throw new RangeError(`'${text}' does not fit a tar header`)
    block.set(bytes, at)
  }
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`
  put(entry.kind === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path, 0, 100)
  put(octal(entry.mode, 8), 100, 8)
  put(octal(entry.uid ?? 0, 8), 108, 8)
  put(octal(entry.gid ?? entry.uid ?? 0, 8), 116, 8)
  put(octal(size, 12), 124, 12)
  put(octal(mtime, 12), 136, 12)
  // The checksum is taken with its own field blank.
  put('        ', 148, 8)
  put(TYPE[entry.kind], 156, 1)
  put(entry.linkTarget ?? '', 157, 100)
  put('ustar\x0000', 257, 8)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8)
  return block
}
