/** When something was used last is for people; a write for each use would be for nobody. */
export const LAST_USED_STEP_MS = 60_000
