/** Terminals of this machine: by tmux where there is one, else by our holder. */
import type { Terminals } from '../../contracts.ts'
import { createHolderTerminals } from './holder.ts'
import type { TerminalDeps } from './spec.ts'
import { createTmuxTerminals, findTmux } from './tmux.ts'

export type OpenTerminals = Terminals & { /** Lets go of viewers; the terminals live on. */ close(): void }

export function openTerminals(deps: TerminalDeps): OpenTerminals {
  const tmux = findTmux()
  return tmux === null ? createHolderTerminals(deps) : createTmuxTerminals({ ...deps, tmux })
}
