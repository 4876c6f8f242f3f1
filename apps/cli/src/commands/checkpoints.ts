import { cleanLine } from '../clean.ts'
import { command, one } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'
import { ago, plural } from '../words.ts'

export const checkpoints = command({
  name: 'checkpoints',
  summary: 'List states of the tree that can be gone back to',
  arguments: '<workspace>',
  examples: ['berth checkpoints demo'],
  parse: ({ positionals }) => ({ word: one(positionals, 'workspace', 'checkpoints') }),
  async run({ connect, io, json, signal }, { word }) {
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    const list = await client.listCheckpoints({ id }, signal)
    if (json) return io.out(JSON.stringify(list))
    if (list.length === 0) return io.note('nothing was kept yet: the first one is made when a turn ends')
    const now = Date.now()
    for (const { commit, reason, at, files } of list) io.out(`${io.style.blue(commit.slice(0, 10))}  ${ago(at, now).padEnd(12)}  ${cleanLine(reason, 80)}${files > 0 ? io.style.dim(`  ${plural(files, 'file')}`) : ''}`)
    io.note(io.noteStyle.dim(`\`berth rewind ${name} <commit>\` goes back to one`))
  },
})
