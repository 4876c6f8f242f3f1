/** Lists of a push, broken in many ways, each by a seed. */
export const ZERO = '0'.repeat(40)
/** What git takes for a pack of nothing. */
export const EMPTY_PACK = Buffer.concat([Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1'), Buffer.from('029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')])
/** As long, and of a version that there is not: git says so at once, and which refs it would have moved. */
export const NO_PACK = Buffer.concat([Buffer.from('PACK\0\0\0\x09', 'latin1'), EMPTY_PACK.subarray(8)])

export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
const packet = (text: string): Buffer => Buffer.concat([Buffer.from((Buffer.byteLength(text, 'latin1') + 4).toString(16).padStart(4, '0')), Buffer.from(text, 'latin1')])

export interface Known { readonly one: string; readonly two: string; /** What follows the list. */ readonly pack: Uint8Array }
export function input(random: () => number, { one, two, pack }: Known): Uint8Array<ArrayBuffer> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const refs = ['refs/heads/berth/demo', 'refs/heads/main', 'refs/tags/v1', 'refs/heads/berth/demo/../main', 'HEAD', 'refs/heads/b c', 'refs/heads/x\n', '', 'refs/heads/\xe9', 'refs/heads/berth/demo\0refs/heads/main']
  const ids = [ZERO, one, two, one.toUpperCase(), 'f'.repeat(40), `${one}0`, 'f'.repeat(64), one.slice(1)]
  const lines = Array.from({ length: Math.floor(random() * 4) }, (_, at) => {
    if (random() < 0.08) return packet(pick(['push-cert\0x', 'push-cert-end\n', 'ERR no', `shallow ${one}`, 'shallow x', 'shallow ', '', '\n', `shallow ${two}\n`]))
    const caps = at === 0 || random() < 0.1 ? `\0${pick(['report-status', ' report-status agent=x', 'report-status object-format=sha1', 'report-status object-format=sha256', 'atomic report-status\0more', 'report-status object-format', 'report-status object-format=md5', ''])}` : ''
    return packet(`${random() < 0.95 ? pick([ZERO, one, two]) : pick(ids)}${(random() < 0.96 ? ' ' : pick(['  ', '\t', '']))}${random() < 0.95 ? pick([ZERO, one, two]) : pick(ids)} ${random() < 0.6 ? pick(refs.slice(0, 3)) : pick(refs)}${caps}${pick(['', '\n', '\n'])}`)
  })
  const end = (random() < 0.85 ? '0000' : pick(['0001', '0002', '0003', '', 'zzzz', '000']))
  let bytes = Buffer.concat([...lines, Buffer.from(end)])
  // Then bytes are changed, taken out, doubled.
  const harm = random() < 0.7 ? 0 : Math.floor(random() * 4)
  for (let n = 0; n < harm && bytes.length > 0; n++) {
    const at = Math.floor(random() * bytes.length)
    const way = random()
    if (way < 0.4) bytes[at] = way < 0.2 ? pick([...Buffer.from('0123456789abcdefABCDEFxX +-\0\n')]) : Math.floor(random() * 256)
    else if (way < 0.7) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 5))])
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + Math.floor(random() * 60)), bytes.subarray(at)])
  }
  return new Uint8Array(Buffer.concat([bytes, pack]))
}
