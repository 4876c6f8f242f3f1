/** Ctrl-] then d leaves; Ctrl-] twice sends one; Ctrl-] and another key sends both. Bytes in, bytes out. */
const PREFIX_KEY = 0x1d
const DETACH_KEY = 'd'.charCodeAt(0)

export function createDetachKeys(): (chunk: Uint8Array) => { readonly send: Uint8Array<ArrayBuffer>; readonly detach: boolean } {
  let pressed = false
  return (chunk) => {
    const out: number[] = []
    for (const byte of chunk) {
      if (pressed) {
        pressed = false
        if (byte === DETACH_KEY) return { send: new Uint8Array(out), detach: true }
        out.push(PREFIX_KEY)
        if (byte !== PREFIX_KEY) out.push(byte)
      } else if (byte === PREFIX_KEY) pressed = true
      else out.push(byte)
    }
    return { send: new Uint8Array(out), detach: false }
  }
}
