import { cleanLine } from '../clean.ts'
import { command, one } from '../command.ts'
import { table } from '../io.ts'
import { previewsOf } from '../previews.ts'
import { resolveWorkspace } from '../resolve.ts'

export const ports = command({
  name: 'ports',
  summary: 'List the ports of a workspace and where to open them',
  arguments: '<workspace>',
  notes: 'A port appears when something listens on it, or when `berth up --port` or `berth preview` named it.',
  examples: ['berth ports demo', 'berth ports demo --json'],
  parse: ({ positionals }) => ({ word: one(positionals, 'workspace', 'ports') }),
  async run({ connect, io, json, signal }, { word }) {
    const { client } = await connect()
    const workspace = await resolveWorkspace(client, word, signal)
    const previews = await previewsOf(client, workspace, signal)
    if (json) return io.out(JSON.stringify(previews))
    if (previews.length === 0) return io.note(`nothing listens in ${workspace.name} yet`)
    const rows = previews.map(({ port, label, primary, listening, process, access, url }) => [`${port}${primary ? '*' : ''}`, label === null ? '—' : cleanLine(label, 40), listening ? (process === null ? 'listens' : cleanLine(process, 30)) : '—', access, url])
    const [header = '', ...lines] = table([['PORT', 'LABEL', 'SERVER', 'ACCESS', 'ADDRESS'], ...rows])
    io.out([io.style.dim(header), ...lines].join('\n'))
  },
})
