/** How long after so many failures in a row nobody there is answered. Who has what is right is let in all the same: a stranger locks nobody out. */
const FREE = 5
const FIRST_MS = 1000
const LONGEST_MS = 15 * 60_000

export const blockMsAfter = (failures: number): number => (failures <= FREE ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - FREE - 1, 20)))
