import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { SavedState } from '@berth/wire/saved'
import { cleanLine } from '../clean.ts'
import { command, none } from '../command.ts'
import type { Context } from '../context.ts'
import { table, type Io } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { waitSaved } from '../saved/wait-saved.ts'
import { ago, bytes, duration, parseDuration, plural } from '../words.ts'

/** A name of a workspace has neither; a file has one of the two. */
const isFile = (word: string): boolean => /[./\\]/.test(word)

export const backup = command({
  name: 'backup',
  summary: 'Save a whole workspace, or write everything the server knows to a file',
  arguments: '<workspace> | list | remove <id> | <file>',
  options: {
    template: { type: 'string', value: 'name', help: 'keep it as a template: `berth up --from <name>`' },
    keep: { type: 'string', value: 'duration', help: 'how long it is kept; `off`: until it is removed (default 30 days, templates until they are removed)' },
    'no-wait': { type: 'boolean', help: 'return at once; it goes on by itself' },
  },
  notes: 'A workspace is saved between two turns: its tree with index and branches, its home and its conversations, sealed under the server\'s key, without logins and keys. `berth restore` makes a workspace of it, also on another server that has the key.\nA word with a dot or a slash is a file: everything the server knows, without machines, their disks and the master key.',
  examples: ['berth backup demo', 'berth backup demo --keep 90d', 'berth backup demo --template node-ready', 'berth backup list', 'berth backup remove sav_4k2m9p7q1xyz', 'berth backup berth-2026-11.backup'],
  parse({ values, positionals }) {
    const [word, ...more] = positionals
    if (word === undefined) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth backup <workspace>, or `berth backup list`' })
    if (word === 'remove' && more.length === 1) return { do: 'remove' as const, id: more[0] ?? '' }
    none(more, 'backup')
    if (word === 'list') return { do: 'list' as const }
    if (isFile(word)) return { do: 'file' as const, file: word }
    const keepMs = values.keep === undefined ? undefined : parseDuration(values.keep, 'keep')
    return { do: 'save' as const, word, template: values.template, keepMs, wait: values['no-wait'] !== true }
  },
  async run(context, input) {
    const { io, json, signal } = context
    if (input.do === 'file') return (await import('./serve.ts')).runServerWord(context, ['backup', input.file, ...(json ? ['--json'] : [])])
    const { client } = await context.connect()
    if (input.do === 'list') return show(io, await client.listSaved({}, signal), json)
    if (input.do === 'remove') {
      const removed = await client.removeSaved({ id: input.id }, signal)
      return io.out(json ? JSON.stringify(removed) : `Removed ${input.id}.`)
    }
    await save(context, client, input)
  },
})

interface Save { readonly word: string; readonly template: string | undefined; readonly keepMs: number | undefined; readonly wait: boolean }
async function save({ io, json, signal }: Context, client: Client, { word, template, keepMs, wait }: Save): Promise<void> {
  const { id } = await resolveWorkspace(client, word, signal)
  const as = template === undefined ? { kind: 'backup' as const } : { kind: 'template' as const, name: template }
  const begun = await client.saveWorkspace({ id, ...as, ...(keepMs === undefined ? {} : { keepMs }) }, signal)
  const saved = wait ? await waitSaved({ client, io, signal }, begun) : begun
  if (json) return io.out(JSON.stringify(saved))
  if (!wait) return io.out(`Saving ${saved.workspaceName} as ${saved.id}; \`berth backup list\` shows when it is whole.`)
  sayKept(io, saved)
}

function sayKept(io: Io, { id, name, workspaceName, files, sizeBytes, place, expiresAt, leftOut }: SavedState): void {
  io.out(`Saved ${workspaceName} as ${name ?? id}: ${plural(files, 'file')}, ${bytes(sizeBytes)}, in ${place}${expiresAt === null ? '' : `, for ${duration(expiresAt - Date.now())}`}.`)
  if (leftOut.length > 0) io.note(`Left out: ${leftOut.slice(0, 6).map((path) => cleanLine(path, 80)).join(', ')}${leftOut.length > 6 ? ` and ${leftOut.length - 6} more` : ''}`)
  io.out(name === null ? `\`berth restore ${id}\` makes a workspace of it.` : `\`berth up --from ${name}\` makes a workspace of it.`)
}

function show(io: Io, list: readonly SavedState[], json: boolean): void {
  if (json) return io.out(JSON.stringify(list))
  if (list.length === 0) return io.note('nothing is saved; `berth backup <workspace>` saves one')
  const now = Date.now()
  const rows = list.map((one) => [
    one.id, one.name ?? one.workspaceName, one.kind, one.state === 'verified' ? 'whole' : one.state === 'saving' ? `saving${one.detail ? `: ${cleanLine(one.detail, 60)}` : ''}` : `failed: ${cleanLine(one.detail ?? '', 60)}`,
    bytes(one.sizeBytes), ago(one.createdAt, now), one.expiresAt === null ? 'stays' : one.expiresAt <= now ? 'now' : `in ${duration(one.expiresAt - now)}`, one.place,
  ])
  const [header = '', ...lines] = table([['ID', 'NAME', 'KIND', 'STATE', 'SIZE', 'MADE', 'GOES', 'KEPT IN'], ...rows])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
