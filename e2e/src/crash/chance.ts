/** Chance that can be had again: everything a sweep draws comes from its seed. */
export interface Chance {
  /** 0 … below - 1. */
  int(below: number): number
  between(from: number, to: number): number
  happens(probability: number): boolean
  pick<T>(list: readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0
  // mulberry32: 32 bits of state are plenty for choosing whom to kill.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return {
    int,
    between: (from, to) => from + int(to - from + 1),
    happens: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error('nothing to pick from')
      // In range, as the list is not empty.
      return list[int(list.length)] as T
    },
    shuffled<T>(list: readonly T[]): T[] {
      const copy = [...list]
      for (let at = copy.length - 1; at > 0; at--) {
        const other = int(at + 1)
        const [a, b] = [copy[at], copy[other]]
        if (a !== undefined && b !== undefined) [copy[at], copy[other]] = [b, a]
      }
      return copy
    },
  }
}
