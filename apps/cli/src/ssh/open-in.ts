/** A workspace in the editor that a person names; the terminal is one too. */
import type { Context } from '../context.ts'
import { openEditor, readIde } from './editors.ts'
import { runSsh } from './run-ssh.ts'

export async function openIn(context: Context, { word, start, ide: named }: { word: string; start: boolean; ide: string }): Promise<void> {
  const ide = readIde(named)
  if (ide === 'terminal') return context.exitWith(await runSsh(context, { word, rest: [], start, forwardAgent: false }))
  await openEditor(context, { word, start, ide })
}
