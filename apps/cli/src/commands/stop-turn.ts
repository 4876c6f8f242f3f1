import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'

export const stopTurn = command({
  name: 'stop-turn',
  summary: 'Interrupt what the agent does now; the conversation stays',
  arguments: '<workspace>',
  examples: ['berth stop-turn demo'],
  parse: ({ positionals }) => ({ word: one(positionals, 'workspace', 'stop-turn') }),
  async run({ connect, io, json, signal }, { word }) {
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    const result = await client.interrupt({ id }, signal)
    io.out(json ? JSON.stringify(result) : result.interrupted ? `Interrupted. Say what to do next with \`berth send ${name} …\`.` : 'No turn was running.')
  },
})
