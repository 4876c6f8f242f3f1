import { command, one } from '../command.ts'
import { resolveSession, resolveWorkspace } from '../resolve.ts'

export const stopTurn = command({
  name: 'stop-turn',
  summary: 'Interrupt what the agent does now; the conversation stays',
  arguments: '<workspace>',
  options: { session: { type: 'string', short: 's', value: 'name', help: 'another session than the first; see `berth session list`' } },
  examples: ['berth stop-turn demo'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'stop-turn'), which: values.session }),
  async run({ connect, io, json, signal }, { word, which }) {
    const { client } = await connect()
    const workspace = await resolveWorkspace(client, word, signal)
    const { id, name } = workspace
    const result = await client.interrupt({ id, ...(which === undefined ? {} : { session: (await resolveSession(client, workspace, which, signal)).id }) }, signal)
    io.out(json ? JSON.stringify(result) : result.interrupted ? `Interrupted. Say what to do next with \`berth send ${name} …\`.` : 'No turn was running.')
  },
})
