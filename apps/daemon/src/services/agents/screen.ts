/** The agent's own screen in the agent's terminal, beside a server that works without it: closed by a person, it comes back. */
import type { SessionPlace, Terminals } from '../../contracts.ts'

const LOOK_MS = 1000
/** A screen that ends at once is not begun again for ever. */
const REOPEN_LIMIT = 50

type Spec = Omit<Parameters<Terminals['open']>[0], 'terminalId'>
export interface Screen {
  show(spec: Spec): Promise<void>
  /** `onEnd` once, when the program in that terminal has ended. */
  watch(terminalId: string, onEnd: (code: number | null) => void): void
  close(): void
}

export function createScreen({ terminals, session, log }: { terminals: Terminals; session: SessionPlace; log: (line: string) => void }): Screen {
  let timer: Timer | undefined
  let wanted: Spec | null = null
  let left = REOPEN_LIMIT
  const open = async (): Promise<void> => {
    if (wanted === null) return
    const terminal = await terminals.get(session.agentTerminal)
    if (terminal !== null && (await terminal.exited()) === null) return
    if (left-- <= 0) return
    await terminals.open({ terminalId: session.agentTerminal, ...wanted })
  }
  return {
    async show(spec) {
      if (!session.screen) { await (await terminals.get(session.agentTerminal))?.kill(); return }
      wanted = spec
      left = REOPEN_LIMIT
      await open()
    },
    watch(terminalId, onEnd) {
      clearInterval(timer)
      const look = async (): Promise<void> => {
        const terminal = await terminals.get(terminalId)
        const exit = terminal === null ? { code: null } : await terminal.exited()
        if (timer !== mine) return
        if (exit === null) { await open(); return }
        clearInterval(mine)
        timer = undefined
        onEnd(exit.code)
      }
      const mine: Timer = setInterval(() => { void look().catch((error: unknown) => { log(`screen: ${String(error)}`) }) }, LOOK_MS)
      timer = mine
    },
    close() {
      clearInterval(timer)
      timer = undefined
      wanted = null
    },
  }
}

/** What the server said last, when it has ended; null: it lives. */
export async function lastWords({ terminals, session }: { terminals: Terminals; session: SessionPlace }): Promise<string | null> {
  const terminal = await terminals.get(session.serverTerminal)
  if (terminal === null) return 'its terminal is closed'
  if ((await terminal.exited()) === null) return null
  return (await terminal.snapshot()).trim().split('\n').slice(-5).join(' ').slice(0, 500)
}
