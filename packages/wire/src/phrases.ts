/** Chips above the composer until a person writes their own. No run-time dependencies: the page carries it. */
export const DEFAULT_PHRASES = ['Looks good, continue', 'Run the tests', 'Stop and wait'] as const
