import { stat } from 'node:fs/promises'
import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import { contextFile, CONTEXT_NAME, currentContext, listContexts, LOCAL_CONTEXT, useContext } from '../server-process/contexts.ts'

export const contextCommand = command({
  name: 'context',
  summary: 'List the servers you are signed in to, or choose one',
  arguments: '[name]',
  notes: 'BERTH_CONTEXT chooses one for a single command. `local` is the server of this home.',
  examples: ['berth context', 'berth context work', 'berth context local', 'BERTH_CONTEXT=work berth list'],
  parse({ positionals }) {
    atMost(1, positionals, 'context')
    return { name: positionals[0] }
  },
  async run({ io, json, home, env }, { name }) {
    if (name === undefined) {
      const current = env['BERTH_CONTEXT'] ?? (await currentContext(home)) ?? LOCAL_CONTEXT
      const names = await listContexts(home)
      if (json) return io.out(JSON.stringify({ current, contexts: names }))
      return io.out(names.map((known) => `${known === current ? '*' : ' '} ${known}`).join('\n'))
    }
    const known = CONTEXT_NAME.test(name) && (name === LOCAL_CONTEXT || (await stat(contextFile(home, name)).catch(() => null)) !== null)
    if (!known) throw new BerthError('not_found', `there is no context "${name}"`, { hint: '`berth login <server>` makes one' })
    await useContext(home, name)
    io.out(json ? JSON.stringify({ current: name }) : `Commands go to ${name} now.`)
  },
})
