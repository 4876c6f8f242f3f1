/** What is said of something that was thrown, by whomever. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** Null: it says nothing to do about it. */
export const hintOf = (thrown: unknown): string | null => (thrown instanceof Error && 'hint' in thrown && typeof thrown.hint === 'string' && thrown.hint !== '' ? thrown.hint : null)
