/** How this program starts itself again: as the compiled binary, or from source by bun. */
const compiled = import.meta.path.startsWith('/$bunfs/') || import.meta.path.startsWith('B:\\~BUN')

export function selfCommand(...args: string[]): string[] {
  return compiled ? [process.execPath, ...args] : [process.execPath, new URL('./main.ts', import.meta.url).pathname, ...args]
}

/** The command of another toolbox's daemon, for an upgrade. From source there is nothing to replace. */
export function commandOf(toolboxDir: string, ...args: string[]): string[] {
  return compiled ? [`${toolboxDir}/berth-daemon`, ...args] : selfCommand(...args)
}
