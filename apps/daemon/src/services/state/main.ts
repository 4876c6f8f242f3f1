/** `state pack|unpack HOME WORK`, each a process of the agent's user. */
export async function stateMain([verb, ...rest]: readonly string[]): Promise<number> {
  switch (verb) {
    case 'pack': return (await import('./pack.ts')).packMain(rest)
    case 'unpack': return (await import('./unpack.ts')).unpackMain(rest)
    default: return 2
  }
}
