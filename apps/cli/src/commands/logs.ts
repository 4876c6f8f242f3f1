import { clean } from '../clean.ts'
import { BerthError } from '@berth/wire/error'
import { atMost, command } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'

export const logs = command({
  name: 'logs',
  summary: 'Show the output of the setup, the machine, a service or the agent',
  arguments: '<workspace> [source]',
  notes: 'Sources: setup (default), machine, agent, daemon, or the name of a service.',
  examples: ['berth logs demo', 'berth logs demo agent'],
  parse({ positionals }) {
    const [word, source = 'setup'] = positionals
    atMost(2, positionals, 'logs')
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth logs <workspace> [source]' })
    return { word, source }
  },
  async run({ connect, io, json, signal }, { word, source }) {
    const { client } = await connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const { text } = await client.logs({ id, source }, signal)
    if (json) return io.out(JSON.stringify({ id, source, text }))
    if (text === '') return io.note(`no output of ${source} yet`)
    io.out(clean(text).trimEnd())
  },
})
