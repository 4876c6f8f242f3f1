/** How to put the numbered agent in the place of the real one (`assignment.agent.executable`). */
import { writeFileSync } from 'node:fs'

export const numberedAgentMain = new URL('./main.ts', import.meta.url).pathname
/** Writes a program that behaves like `claude` towards the driver. `bun` must be readable for the agent's user. */
export function writeNumberedAgent(path: string, bun: string = process.execPath): string {
  writeFileSync(path, `#!/bin/sh\nexec '${bun}' '${numberedAgentMain}' "$@"\n`, { mode: 0o755 })
  return path
}
/** The numbers the agent itself says it wrote. */
export const numbersIn = (log: string): number[] => log.split('\n').filter((line) => line !== '').map(Number)
