import type { Session } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { resolveSession, resolveWorkspace } from '../resolve.ts'
import { attachTerminal } from '../terminal/attach-terminal.ts'

export const attach = command({
  name: 'attach',
  summary: "Join the agent's terminal",
  arguments: '<workspace>',
  options: {
    watch: { type: 'boolean', short: 'w', help: 'look only; what you type goes nowhere' },
    session: { type: 'string', short: 's', value: 'name', help: 'the terminal of another session; see `berth session list`' },
    terminal: { type: 'string', short: 't', value: 'id', help: 'another terminal than the agent\'s; `--list` shows them' },
    list: { type: 'boolean', help: 'list the terminals' },
  },
  notes: 'Ctrl-] then d leaves it running and comes back here.',
  examples: ['berth attach demo', 'berth attach demo --watch'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'attach'), watch: values.watch ?? false, terminal: values.terminal, session: values.session, list: values.list ?? false }),
  async run(context, { word, watch, terminal: named, session, list }) {
    const { io, json, signal } = context
    const { client, endpoint } = await context.connect()
    const workspace = await resolveWorkspace(client, word, signal)
    const { id, name, phase } = workspace
    if (phase !== 'running' && phase !== 'recovery') throw new BerthError('workspace_not_running', `${name} is ${phase}`, { hint: `berth start ${name}` })
    const terminals = await client.listTerminals({ id }, signal)
    if (list || json) {
      if (json) return io.out(JSON.stringify(terminals))
      for (const found of terminals) io.out(`${found.terminalId}  ${io.style.dim(found.title)}`)
      return
    }
    const terminal = session === undefined ? named : terminalOf(await resolveSession(client, workspace, session, signal), name)
    const chosen = terminal === undefined ? terminals[0] : terminals.find(({ terminalId }) => terminalId === terminal)
    if (!chosen) throw new BerthError('not_found', terminal === undefined ? `${name} has no terminal` : `${name} has no terminal "${terminal}"`, { hint: `berth attach ${name} --list` })
    const code = await attachTerminal(context, { client, endpoint, id, name, terminalId: chosen.terminalId, mode: watch ? 'watch' : 'control' })
    if (code !== null && code !== 0) context.exitWith(1)
  },
})

function terminalOf({ id, title, terminalId }: Session, workspace: string): string {
  if (terminalId !== null) return terminalId
  throw new BerthError('not_found', `${title} works without a screen`, { hint: `open it with \`berth session hand-over ${workspace} ${id} --to terminal\`` })
}
