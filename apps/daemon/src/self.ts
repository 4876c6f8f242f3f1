/** How this program starts itself again: as the compiled binary, or from source by bun. */
const compiled = import.meta.path.startsWith('/$bunfs/') || import.meta.path.startsWith('B:\\~BUN')
const ownDir = process.execPath.slice(0, process.execPath.lastIndexOf('/'))

export function selfCommand(...args: string[]): string[] {
  return compiled ? [process.execPath, ...args] : [process.execPath, new URL('./main.ts', import.meta.url).pathname, ...args]
}

/** The command of another toolbox's daemon, for an upgrade. From source there is nothing to replace. */
export function commandOf(toolboxDir: string, ...args: string[]): string[] {
  return compiled ? [`${toolboxDir}/berth-daemon`, ...args] : selfCommand(...args)
}

/** The toolbox this program stands in. */
export const ownToolboxDir = (): string => ownDir

/** The name of a toolbox is the hash of its content. Null from source, or when somebody put the program elsewhere. */
export function ownToolboxHash(): string | null {
  const name = ownDir.slice(ownDir.lastIndexOf('/') + 1)
  return compiled && /^[0-9a-f]{8,64}$/.test(name) ? name : null
}
