/** Whether an answer to a fetch has come whole (gitprotocol-v2, "fetch"), told while it passes. Nothing of it is kept here. */

export interface PackWatch {
  pass(bytes: Uint8Array): void
  /** Nothing is missing at the end, and the host had no complaint. */
  readonly whole: boolean
}

const DIGITS = 4
/** The first byte of a line: a fatal error of the host's, in a pack (band 3) and before it (`ERR`). */
const FATAL = new Set([3, 'E'.charCodeAt(0)])

export function watchPack(): PackWatch {
  // `broken`: no line of git's, or the host says that something went wrong.
  let state: 'length' | 'first' | 'rest' | 'broken' = 'length'
  let digits = ''
  let left = 0
  let flushed = false

  const takeLength = (digit: number): void => {
    digits += String.fromCharCode(digit)
    if (digits.length < DIGITS) return
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
    digits = ''
    flushed = length === 0
    // 1 and 2 are the other ends of a section; a line of 3 cannot be.
    if (length <= 2) return
    left = length - DIGITS
    state = left > 0 ? 'first' : left === 0 ? 'length' : 'broken'
    if (Number.isNaN(length)) state = 'broken'
  }
  const takeFirst = (byte: number): void => {
    left -= 1
    state = FATAL.has(byte) ? 'broken' : left === 0 ? 'length' : 'rest'
  }
  return {
    pass(bytes) {
      for (let at = 0; at < bytes.length && state !== 'broken';) {
        if (state === 'rest') {
          const taken = Math.min(left, bytes.length - at)
          left -= taken
          at += taken
          if (left === 0) state = 'length'
          continue
        }
        if (state === 'length') takeLength(bytes[at] ?? 0)
        else takeFirst(bytes[at] ?? 0)
        at += 1
      }
    },
    get whole() { return state === 'length' && digits === '' && flushed },
  }
}
