/**
 * How many pixels an image says it has, from its first bytes: a few kilobytes can unpack to gigabytes, so the browser
 * is not given an image before this is known.
 */
export const PIXELS_SHOWN = 40_000_000

/** Null: not of a kind whose size is known here, which is as good as too large. */
export function pixelsOf(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const says = (at: number, text: string) => Array.from(text).every((letter, index) => bytes[at + index] === letter.charCodeAt(0))
  try {
    if (says(1, 'PNG')) return view.getUint32(16) * view.getUint32(20)
    if (says(0, 'GIF8')) return gif(view)
    if (says(0, 'RIFF') && says(8, 'WEBP')) return webp(view, says)
    return view.getUint16(0) === 0xffd8 ? jpeg(view) : null
  } catch {
    // It ends before it says.
    return null
  }
}

/** The first picture may be larger than the screen it is for, and then is the size. */
function gif(view: DataView): number {
  const colours = (at: number) => ((view.getUint8(at) & 0x80) === 0 ? 0 : 3 * 2 ** ((view.getUint8(at) & 7) + 1))
  let at = 13 + colours(10)
  while (view.getUint8(at) === 0x21) {
    at += 2
    while (view.getUint8(at) !== 0) at += 1 + view.getUint8(at)
    at += 1
  }
  const [x, y, width, height] = [1, 3, 5, 7].map((offset) => view.getUint16(at + offset, true)) as [number, number, number, number]
  return Math.max(view.getUint16(6, true), x + width) * Math.max(view.getUint16(8, true), y + height)
}

function webp(view: DataView, says: (at: number, text: string) => boolean): number | null {
  const three = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
  if (says(12, 'VP8X')) return (three(24) + 1) * (three(27) + 1)
  if (says(12, 'VP8L')) {
    const bits = view.getUint32(21, true)
    return ((bits & 0x3fff) + 1) * (((bits >> 14) & 0x3fff) + 1)
  }
  return says(12, 'VP8 ') ? (view.getUint16(26, true) & 0x3fff) * (view.getUint16(28, true) & 0x3fff) : null
}

/** The frame header stands behind segments of any length. */
function jpeg(view: DataView): number | null {
  let at = 2
  while (at < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return null
    const kind = view.getUint8(at + 1)
    const isFrame = kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc
    if (isFrame) return view.getUint16(at + 5) * view.getUint16(at + 7)
    // Some marks stand alone: what follows them is the next mark, and not a length.
    const alone = kind === 0x01 || (kind >= 0xd0 && kind <= 0xd7)
    at += kind === 0xff ? 1 : alone ? 2 : 2 + view.getUint16(at + 2)
  }
  return null
}
