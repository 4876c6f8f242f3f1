import { clean, cleanLine } from '../clean.ts'
import { command, one } from '../command.ts'
import type { Style } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { plural } from '../words.ts'

export const diff = command({
  name: 'diff',
  summary: 'Show what changed since the source',
  arguments: '<workspace>',
  options: { stat: { type: 'boolean', help: 'files and counts only' } },
  examples: ['berth diff demo', 'berth diff demo --stat', 'berth diff demo > work.patch'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'diff'), stat: values.stat ?? false }),
  async run({ connect, io, json, signal }, { word, stat }) {
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    const result = await client.diff({ id }, signal)
    if (json) return io.out(JSON.stringify({ id, ...result }))
    if (result.stat.length === 0) return io.note('nothing changed')
    if (stat) for (const { path, added, removed } of result.stat) io.out(`${io.style.green(`+${added}`.padStart(6))} ${io.style.red(`−${removed}`.padStart(6))}  ${cleanLine(path)}`)
    else io.out(clean(result.patch).trimEnd().split('\n').map((line) => colour(io.style, line)).join('\n'))
    const added = result.stat.reduce((sum, file) => sum + file.added, 0)
    const removed = result.stat.reduce((sum, file) => sum + file.removed, 0)
    io.note(io.noteStyle.dim(`${plural(result.stat.length, 'file')}, +${added} −${removed}${result.truncated ? `; the patch is cut, \`berth pull ${name}\` brings it whole` : ''}`))
  },
})

function colour(style: Style, line: string): string {
  if (/^(diff --git|index |new file|deleted file|similarity|rename |old mode|new mode|--- |\+\+\+ )/.test(line)) return style.bold(line)
  if (line.startsWith('@@')) return style.blue(line)
  if (line.startsWith('+')) return style.green(line)
  return line.startsWith('-') ? style.red(line) : line
}
