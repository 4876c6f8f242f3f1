/** Makes the compiled product a plain bun that runs one of our programs, and one that writes no cache into the home: that is the agent's. */
export const PLAIN_BUN = { BUN_BE_BUN: '1', BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' } as const

/** For what such a program starts. */
export function withoutPlainBun({ BUN_BE_BUN: _ours, BUN_RUNTIME_TRANSPILER_CACHE_PATH: _too, ...env }: Record<string, string | undefined>): Record<string, string | undefined> {
  return env
}
