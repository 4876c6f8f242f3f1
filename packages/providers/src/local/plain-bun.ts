/** Makes the compiled product a plain bun that runs one of our programs, and one that writes no cache into the home: that is the agent's. */
export const PLAIN_BUN = { BUN_BE_BUN: '1', BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' } as const

/** For what such a program starts. */
export const withoutPlainBun = (env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> => Object.fromEntries(Object.entries(env).filter(([name]) => !(name in PLAIN_BUN)))
