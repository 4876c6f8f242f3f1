/** What the program needed only to start does not stay in the machine's memory. */
import { readFileSync } from 'node:fs'

/** `madvise(2)`, Linux 5.4 and later: the pages may be freed now; they are clean, and are read again when they are used. */
const MADV_PAGEOUT = 21
const CODE = /^([0-9a-f]+)-([0-9a-f]+) r-xp .* (\/.+)$/

/**
 * Gives the code of this program back to the kernel where no other process uses it; what runs again comes back by
 * itself. A kernel or C library that cannot is no error: then it stays. Returns the bytes that were offered.
 */
export async function giveBackCode(): Promise<number> {
  if (process.platform !== 'linux') return 0
  try {
    const { dlopen, FFIType } = await import('bun:ffi')
    const { symbols, close } = dlopen('libc.so.6', { madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 } })
    let offered = 0
    for (const { from, to } of ownCode(readFileSync('/proc/self/maps', 'utf8'))) if (symbols.madvise(from, to - from, MADV_PAGEOUT) === 0) offered += Number(to - from)
    close()
    return offered
  } catch {
    return 0
  }
}

/** Ranges of `/proc/self/maps` that are code of the program itself. */
export function ownCode(maps: string, program = process.execPath): { from: bigint; to: bigint }[] {
  return maps.split('\n').flatMap((line) => {
    const [, from, to, path] = CODE.exec(line) ?? []
    return path === program ? [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }] : []
  })
}
