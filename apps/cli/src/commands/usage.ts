import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

export const usage = command({
  name: 'usage',
  summary: 'Show what workspaces used of models through this server',
  arguments: '[workspace]',
  notes: 'Only what went through the server (`berth model-key`). The cost is by the maker\'s list of prices; a model that is not in it counts as nothing.',
  examples: ['berth usage', 'berth usage demo', 'berth usage --json'],
  parse({ positionals }) {
    atMost(1, positionals, 'usage')
    return { word: positionals[0] }
  },
  async run({ connect, io, json, signal }, { word }) {
    const { client } = await connect()
    const workspace = word === undefined ? null : await resolveWorkspace(client, word, signal)
    const used = await client.listModelUsage(workspace === null ? {} : { workspace: workspace.id }, signal)
    if (json) return io.out(JSON.stringify(used))
    if (used.length === 0) return io.note('Nothing yet.')
    const names = new Map((await client.listWorkspaces({ deleted: 'true' }, signal)).map(({ id, name }) => [id, name]))
    const rows = used.map((row) => [cleanLine(names.get(row.workspaceId) ?? row.workspaceId, 40), cleanLine(row.model, 40), String(row.requests), String(row.inputTokens + row.cacheReadTokens + row.cacheWriteTokens), String(row.outputTokens), `$${(row.costMicros / 1e6).toFixed(4)}`])
    const [header = '', ...lines] = table([['WORKSPACE', 'MODEL', 'CALLS', 'TOKENS IN', 'TOKENS OUT', 'COST'], ...rows])
    io.out([io.style.dim(header), ...lines].join('\n'))
  },
})
