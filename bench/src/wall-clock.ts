/** ms since the epoch with fractions: the wall clock steps in whole ones. */
export function createWallClock(): () => number {
  const before = Date.now()
  let tick = before
  while (tick === before) tick = Date.now()
  const offset = tick - performance.now()
  return () => offset + performance.now()
}
