import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { attachTerminal } from '../terminal/attach-terminal.ts'

export const attach = command({
  name: 'attach',
  summary: "Join the agent's terminal",
  arguments: '<workspace>',
  options: {
    watch: { type: 'boolean', short: 'w', help: 'look only; what you type goes nowhere' },
    terminal: { type: 'string', short: 't', value: 'id', help: 'another terminal than the agent\'s; `--list` shows them' },
    list: { type: 'boolean', help: 'list the terminals' },
  },
  notes: 'Ctrl-] then d leaves it running and comes back here.',
  examples: ['berth attach demo', 'berth attach demo --watch'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'attach'), watch: values.watch ?? false, terminal: values.terminal, list: values.list ?? false }),
  async run(context, { word, watch, terminal, list }) {
    const { io, json, signal } = context
    const { client, endpoint } = await context.connect()
    const { id, name, phase } = await resolveWorkspace(client, word, signal)
    if (phase !== 'running' && phase !== 'recovery') throw new BerthError('workspace_not_running', `${name} is ${phase}`, { hint: `berth start ${name}` })
    const terminals = await client.listTerminals({ id }, signal)
    if (list || json) {
      if (json) return io.out(JSON.stringify(terminals))
      for (const found of terminals) io.out(`${found.terminalId}  ${io.style.dim(found.title)}`)
      return
    }
    const chosen = terminal === undefined ? terminals[0] : terminals.find(({ terminalId }) => terminalId === terminal)
    if (!chosen) throw new BerthError('not_found', terminal === undefined ? `${name} has no terminal` : `${name} has no terminal "${terminal}"`, { hint: `berth attach ${name} --list` })
    const code = await attachTerminal(context, { client, endpoint, id, name, terminalId: chosen.terminalId, mode: watch ? 'watch' : 'control' })
    if (code !== null && code !== 0) context.exitWith(1)
  },
})
