import type { Workspace } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { cleanLine } from '../clean.ts'
import { command, none } from '../command.ts'
import { table, visibleWidth, type Io, type Style } from '../io.ts'
import { previewsOf } from '../previews.ts'
import { costWords, stateOf, stateWord, uptime, workspaceJson } from '../present.ts'
import { refreshSsh } from '../refresh-ssh.ts'
import { ago } from '../words.ts'

export const list = command({
  name: 'list',
  aliases: ['ls'],
  summary: 'List workspaces, those that need you first',
  options: {
    long: { type: 'boolean', short: 'l', help: 'also image, agent, exposures, creation time and terminal URL' },
    all: { type: 'boolean', short: 'a', help: 'deleted ones too' },
  },
  examples: ['berth list', 'berth list -l', 'berth list --json'],
  parse({ values, positionals }) {
    none(positionals, 'list')
    return { long: values.long ?? false, all: values.all ?? false }
  },
  async run(context, { long, all }) {
    const { io, json, signal } = context
    const connection = await context.connect()
    const { client } = connection
    const workspaces = await client.listWorkspaces({ deleted: all ? 'true' : 'false' }, signal)
    await refreshSsh(context, connection, workspaces)
    if (json) return io.out(JSON.stringify(await Promise.all(workspaces.map(async (workspace) => workspaceJson(workspace, await previewsOf(client, workspace, signal))))))
    if (workspaces.length === 0) return io.note('no workspaces yet; `berth up .` makes one of this directory')
    const sorted = workspaces.toSorted((a, b) => Number(b.needsYou > 0) - Number(a.needsYou > 0))
    // A column of nothing where all that runs is on one's own machine.
    const paid = sorted.some(({ cost }) => cost !== undefined)
    const header = ['NAME', 'ID', 'STATUS', 'PROVIDER', 'UPTIME', ...(paid ? ['COST'] : []), 'REPOSITORY', 'WEB URL', ...(long ? ['AGENT', 'IMAGE', 'AUTH', 'CREATED', 'TERMINAL'] : [])]
    const rows = sorted.map((workspace) => row(io.style, workspace, { long, paid }))
    const lines = table([header, ...rows])
    if (lines.every((line) => visibleWidth(line) <= io.columns)) io.out([io.style.dim(lines[0] ?? ''), ...lines.slice(1)].join('\n'))
    else for (const line of narrow(io, header, rows)) io.out(line)
    for (const workspace of sorted) for (const line of notesOf(io, workspace)) io.note(line)
  },
})

/** What waits for its person, below the list. */
function notesOf({ noteStyle: style }: Io, workspace: Workspace): string[] {
  const { name, agent, origin, recovery } = workspace
  return [
    ...(origin?.behind === true ? [style.dim(`${name} is behind origin/${cleanLine(origin.branch, 80)}; \`berth update ${name}\``)] : []),
    ...(stateOf(workspace) === 'not signed in' ? [`${style.yellow('■')} ${name} waits: ${AGENT_KINDS[agent].title} is not signed in\n  \`berth sign-in ${name}\` signs it in, by a link; so does the page`] : []),
    ...(recovery ? [`${style.yellow('⚠')} ${name} is a recovery machine: ${cleanLine(recovery.why, 300)}\n  ${cleanLine(recovery.hint, 200)}`] : []),
  ]
}

/** In a narrow terminal the addresses and what is longer than a word go below their workspace. */
function narrow({ style, columns }: Pick<Io, 'style' | 'columns'>, header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const short = (count: number): string[] => table([header, ...rows].map((cells) => cells.slice(0, count)))
  let beside = SHORT_COLUMNS
  while (beside > 1 && short(beside).some((line) => visibleWidth(line) > columns)) beside--
  const [first = '', ...lines] = short(beside)
  const below = (cells: readonly string[]): string[] => table(cells.slice(beside).map((cell, index) => [style.dim(`  ${header[beside + index]?.toLowerCase()}`), cell]))
  return [style.dim(first), ...lines.flatMap((line, index) => [line, ...below(rows[index] ?? [])])]
}
/** Name, id, status, provider, uptime; fewer where these do not fit. */
const SHORT_COLUMNS = 5

function row(style: Style, workspace: Workspace, { long, paid }: { long: boolean; paid: boolean }): string[] {
  const now = Date.now()
  const base = [style.bold(workspace.name), style.dim(workspace.id), `${stateWord(style, stateOf(workspace))}${workspace.recovery ? style.yellow(', recovery') : ''}${onItsWay(style, workspace)}`, workspace.provider, uptime(workspace, now), ...(paid ? [costWords(style, workspace)] : []), cleanLine(workspace.repository, 60), workspace.web === false ? style.dim('off') : workspace.webUrl]
  if (!long) return base
  return [...base, workspace.agent, cleanLine(workspace.image ?? '—', 50), workspace.exposures.map(({ name }) => cleanLine(name, 40)).join(', ') || '—', ago(workspace.createdAt, now), workspace.terminalUrl]
}

function onItsWay(style: Style, { move, ephemeral, phase }: Workspace): string {
  return `${move ? style.dim(`, to ${move.to}`) : ''}${ephemeral === true && phase !== 'deleted' ? style.dim(', ephemeral') : ''}`
}
