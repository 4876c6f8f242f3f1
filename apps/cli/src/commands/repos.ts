import { atMost, command } from '../command.ts'
import { cleanLine } from '../clean.ts'
import { table } from '../io.ts'
import { ago, bytes } from '../words.ts'

export const repos = command({
  name: 'repos',
  summary: 'List the repositories that the server keeps for workspaces',
  options: {},
  notes: 'One is made when the code of a workspace first comes to the server, and goes with the workspace. `berth push` and `berth pull` use it; git does too, with an API token as the password.',
  examples: ['berth repos', 'berth repos --json'],
  parse({ positionals }) {
    atMost(0, positionals, 'repos')
    return {}
  },
  async run({ connect, io, json, signal }) {
    const { client } = await connect()
    const found = await client.listHostedRepositories(signal)
    if (json) return io.out(JSON.stringify(found))
    if (found.length === 0) return io.note('No repository is kept here. `berth up .` makes one.')
    const [header = '', ...lines] = table([['WORKSPACE', 'FROM', 'SIZE', 'USED', 'URL'], ...found.map(({ name, label, sizeBytes, quotaBytes, lastActiveAt, url }) => [name, cleanLine(label), `${bytes(sizeBytes)} of ${bytes(quotaBytes)}`, ago(lastActiveAt, Date.now()), url])])
    io.out([io.style.dim(header), ...lines].join('\n'))
  },
})
