import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Io } from '../io.ts'
import { readyWorkspace } from '../ssh/ready.ts'
import { placeOf } from '../source/take.ts'
import { workspaceOfHere } from '../sync/of-here.ts'
import { pushCode } from '../sync/push-code.ts'
import { plural } from '../words.ts'

export const push = command({
  name: 'push',
  summary: 'Bring your commits and uncommitted work to a running workspace',
  arguments: '[workspace]',
  options: {
    include: { type: 'string', multiple: true, value: 'path', help: 'send this too, although it is ignored or looks like a secret: a path, a directory or a glob' },
    merge: { type: 'boolean', help: 'merge what both sides changed, line by line' },
    force: { type: 'boolean', help: 'where both sides changed a file, yours comes' },
    start: { type: 'boolean', help: 'start the workspace first when it is stopped' },
  },
  notes: 'Without a name: the workspace whose code came from here. What the agent changed is not overwritten: where both\nsides changed a file, nothing is done and the files are named. What was there before is a checkpoint.',
  examples: ['berth push', 'berth push demo', 'berth push demo --include .env', 'berth push demo --merge', 'berth push demo --force'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'push')
    if (values.merge === true && values.force === true) throw new BerthError('bad_request', 'either --merge or --force', { hint: '--merge takes both sides, --force yours' })
    return { word: positionals[0], include: values.include ?? [], start: values.start === true, strategy: values.merge === true ? 'merge' : values.force === true ? 'force' : 'refuse' } as const
  },
  async run(context, { word, include, strategy, start }) {
    const { io, json, signal, cwd } = context
    const place = await placeOf(cwd, signal)
    const connection = await context.connect()
    const { id } = await workspaceOfHere(connection.client, { word, path: place.path, verb: 'push' }, signal)
    const workspace = await readyWorkspace(context, connection, { word: id, start, verb: 'push' })
    const { taken, ...outcome } = await pushCode(context, connection, { workspace, place, include, strategy, onProgress: progressOn(io) })
    io.redraw?.write('\r\u001b[2K')
    sayKept(io, taken.kept)
    for (const notice of taken.notices) io.note(io.noteStyle.dim(cleanLine(notice, 300)))
    if (json) return io.out(JSON.stringify({ id, name: workspace.name, ...outcome }))
    const { files, checkpoint, head, keptBranch } = outcome
    if (files === 0 && head === 'kept') return io.out(`${io.style.green('✓')} ${io.style.bold(workspace.name)} has it all already`)
    const moved = head === 'moved' ? ', its branch is at your commit' : head === 'merged' ? ', its branch has a merge with your commits' : ''
    io.out(`${io.style.green('✓')} ${plural(files, 'file')} changed in ${io.style.bold(workspace.name)}${moved}`)
    if (keptBranch !== null) io.out(`  ${io.style.dim(`the agent's commits are on its branch ${cleanLine(keptBranch, 80)}`)}`)
    if (checkpoint !== null) io.out(`  berth rewind ${workspace.name} ${checkpoint.slice(0, 10)}  ${io.style.dim('puts the files back')}`)
  },
})

function progressOn({ redraw }: Io): (line: string) => void {
  return (line) => redraw?.write(`\r\u001b[2K${cleanLine(line, Math.max(20, redraw.columns - 2))}`)
}

function sayKept(io: Io, kept: readonly string[]): void {
  if (kept.length === 0) return
  const [first = ''] = kept
  io.note(`${io.noteStyle.yellow('⚠')} left at home because they look like secrets: ${kept.slice(0, 6).map((name) => cleanLine(name, 80)).join(', ')}${kept.length > 6 ? ` and ${kept.length - 6} more` : ''}`)
  io.note(`  ${io.noteStyle.dim(`--include ${cleanLine(first, 80)} sends it all the same`)}`)
}
