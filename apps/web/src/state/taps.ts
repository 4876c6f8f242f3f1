import { signal } from '@preact/signals'

const HELD_MS = 400

/** False for a moment after something made way: the second tap of two was not meant for what stands there now. */
export const takesTaps = signal(true)
let timer: ReturnType<typeof setTimeout> | undefined

export function holdTaps(): void {
  takesTaps.value = false
  clearTimeout(timer)
  timer = setTimeout(() => (takesTaps.value = true), HELD_MS)
}
