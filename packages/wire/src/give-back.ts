/**
 * Gives memory back at once. The engine itself would do so some time after it took as much again: bytes that pass by the
 * hundred megabyte then always come to lie on fresh pages, and to get those costs more than to copy what is on them.
 */

/** Below it a collection costs less. */
const WORTH_BYTES = 8 * 1024

/** Nobody looks at these bytes any more, nor at anything else of the memory that they lie in: it is empty afterwards. */
export function giveBack(bytes: Uint8Array): void {
  if (bytes.length >= WORTH_BYTES && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0)
}
