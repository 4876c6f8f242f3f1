import { BerthError } from '@berth/wire/error'
import { command, one } from '../command.ts'
import { workspaceJson } from '../present.ts'
import { resolveWorkspace } from '../resolve.ts'
import { duration, parseDuration } from '../words.ts'

const DEFAULT = '2h'
const LIMIT_MS = 7 * 24 * 3_600_000

export const keepAlive = command({
  name: 'keep-alive',
  summary: 'Do not stop a workspace for idleness for a while',
  arguments: '<workspace>',
  options: { for: { type: 'string', value: 'duration', help: `how long, at most 7 days; \`off\` ends it (default ${DEFAULT})` } },
  examples: ['berth keep-alive demo', 'berth keep-alive demo --for 8h'],
  parse({ values, positionals }) {
    const forMs = parseDuration(values.for ?? DEFAULT, 'for')
    if (forMs > LIMIT_MS) throw new BerthError('bad_request', 'a keep-alive lasts at most 7 days')
    return { word: one(positionals, 'workspace', 'keep-alive'), forMs }
  },
  async run({ connect, io, json, signal }, { word, forMs }) {
    const { client } = await connect()
    const { id } = await resolveWorkspace(client, word, signal)
    const workspace = await client.keepAlive({ id, forMs }, signal)
    io.out(json ? JSON.stringify(workspaceJson(workspace)) : forMs === 0 ? `${workspace.name} stops again when it is idle.` : `${workspace.name} stays on for ${duration(forMs)} at least.`)
  },
})
