/** What changed since the last review, and decisions about it. */
import type { Client } from '@berth/client'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { MarkRequest, Review, ReviewFile } from '@berth/wire/review'
import { clean, cleanLine } from '../clean.ts'
import { command, one } from '../command.ts'
import type { Context } from '../context.ts'
import type { Style } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { plural } from '../words.ts'

type Mark = MarkRequest['marks'][number]

export const review = command({
  name: 'review',
  summary: 'Look at what changed since the last review, accept or reject it',
  arguments: '<workspace>',
  options: {
    accept: { type: 'string', multiple: true, value: 'all|file|hunk', help: 'take it as it is' },
    reject: { type: 'string', multiple: true, value: 'all|file|hunk', help: 'take it out of the tree, when the turn ends if one runs' },
    open: { type: 'string', multiple: true, value: 'all|file|hunk', help: 'take a decision back' },
    reason: { type: 'string', value: 'text', help: 'why it is rejected: told to the agent' },
    send: { type: 'boolean', help: 'tell the agent what was rejected and commented, in one message' },
    stat: { type: 'boolean', help: 'files and counts only' },
  },
  examples: ['berth review demo', 'berth review demo --accept all', 'berth review demo --reject 3f2a --reason "keep the old name" --send'],
  parse({ values, positionals }) {
    if (values.reason !== undefined && values.reject === undefined) throw new BerthError('bad_request', '--reason goes with --reject')
    const words = [...(values.accept ?? []).map((word) => ({ word, mark: 'accepted' as const })), ...(values.reject ?? []).map((word) => ({ word, mark: 'rejected' as const })), ...(values.open ?? []).map((word) => ({ word, mark: 'open' as const }))]
    return { workspace: one(positionals, 'workspace', 'review'), words, reason: values.reason, send: values.send ?? false, stat: values.stat ?? false }
  },
  async run(context, input) {
    const { connect, io, json, signal } = context
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, input.workspace, signal)
    let seen = await client.getReview({ id }, signal)
    let gone: string[] = []
    let because: string | null = null
    if (input.words.length > 0) {
      const marks = input.words.flatMap(({ word, mark }) => marksFor(seen, word, { mark, ...(mark === 'rejected' && input.reason !== undefined ? { reason: input.reason } : {}) }))
      if (marks.length > 0) ({ review: seen, gone, because } = await client.markHunks({ id, tree: seen.tree, marks }, signal))
    }
    const sent = input.send ? await client.sendReview({ id }, signal) : null
    if (json) return io.out(JSON.stringify({ id, ...seen, gone, sent }))
    show(context, seen, { name, stat: input.stat })
    if (gone.length > 0) io.note(`${because === null ? 'no longer in the tree' : cleanLine(because)}, so not decided: ${gone.map((word) => cleanLine(word)).join(', ')}`)
    if (sent !== null) io.note(sentWords(sent))
  },
})

function sentWords({ promptId, sent }: Awaited<ReturnType<Client['sendReview']>>): string {
  if (sent === 0) return 'there is nothing to tell the agent'
  return promptId === null ? 'the agent is told when its turn ends and what was rejected is out' : `the agent was told: ${plural(sent, 'remark')}`
}

/** A word is `all`, a file, or a hunk by as much of its id as is clear. */
function marksFor(seen: Review, word: string, mark: Omit<Mark, 'path'>): Mark[] {
  if (word === 'all') return seen.files.map(({ path }) => ({ path, ...mark }))
  if (seen.files.some(({ path }) => path === word)) return [{ path: word, ...mark }]
  const found = seen.files.flatMap(({ path, hunks }) => hunks.filter(({ hunkId }) => hunkId === word || hunkId.startsWith(word)).map(({ hunkId }) => ({ path, hunkId, ...mark })))
  const exact = found.filter(({ hunkId }) => hunkId === word)
  const chosen = exact.length > 0 ? exact : found
  if (chosen.length === 1) return chosen
  throw new BerthError(chosen.length === 0 ? 'not_found' : 'ambiguous_name', chosen.length === 0 ? `there is no file or hunk ${cleanLine(word, 100)} in the review` : `${cleanLine(word, 100)} is the begin of ${chosen.length} hunks`, { hint: 'see `berth review <workspace>`' })
}

function show({ io }: Context, seen: Review, { name, stat }: { name: Workspace['name']; stat: boolean }): void {
  if (seen.files.length === 0 && seen.comments.every(({ sent }) => sent)) return io.note('nothing to review')
  for (const file of seen.files) {
    io.out(fileLine(io.style, file))
    if (stat) continue
    for (const hunk of file.hunks) {
      io.out(`  ${markOf(io.style, hunk.mark)} ${io.style.blue(`@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`)} ${io.style.dim(hunk.hunkId)}${hunk.reason === null ? '' : ` ${io.style.dim(cleanLine(hunk.reason))}`}`)
      for (const line of hunk.lines) io.out(`    ${colour(io.style, clean(line))}`)
    }
    if (file.huge) io.out(io.style.dim('    too long to show; `berth diff` has it'))
  }
  for (const { path, line, text, sent } of seen.comments) if (!sent) io.out(`${io.style.yellow('›')} ${cleanLine(path, 200)}:${line}  ${cleanLine(text)}`)
  const { decided, total } = seen.progress
  io.note(io.noteStyle.dim(`${decided} of ${plural(total, 'change')} decided${seen.unsent > 0 ? `; ${plural(seen.unsent, 'remark')} the agent was not told: \`berth review ${name} --send\`` : ''}${seen.omitted > 0 ? `; ${plural(seen.omitted, 'more file')} not shown` : ''}`))
}

function fileLine(style: Style, file: ReviewFile): string {
  const from = file.oldPath === null ? '' : `${cleanLine(file.oldPath, 200)} → `
  const what = file.kind === 'text' ? file.status : `${file.status}, ${file.kind}`
  const mark = file.hunks.length === 0 ? `${markOf(style, file.mark)} ` : ''
  return `${mark}${style.bold(`${from}${cleanLine(file.path, 200)}`)}  ${style.dim(what)}  ${style.green(`+${file.added}`)} ${style.red(`−${file.removed}`)}`
}

function markOf(style: Style, mark: ReviewFile['mark']): string {
  switch (mark) {
    case 'open': return style.dim('○')
    case 'accepted': return style.green('✓ accepted')
    case 'queued': return style.yellow('… rejected when the turn ends')
    case 'rejected': return style.red('✗ rejected')
  }
}

function colour(style: Style, line: string): string {
  if (line.startsWith('+')) return style.green(line)
  return line.startsWith('-') ? style.red(line) : style.dim(line)
}
