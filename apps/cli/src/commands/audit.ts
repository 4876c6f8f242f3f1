import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { AuditRecord } from '@berth/wire/git-access'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import { table, type Style } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { parseDuration } from '../words.ts'

const LIMIT = 500

export const audit = command({
  name: 'audit',
  summary: 'Show who did what, newest first',
  arguments: '[workspace]',
  options: {
    limit: { type: 'string', value: 'n', help: `how many records (100, at most ${LIMIT})` },
    action: { type: 'string', value: 'action', help: 'only this one, or all that begin so: `git.push`, `workspace.`, `sign-in`' },
    by: { type: 'string', value: 'who', help: 'only what somebody of that name or id did' },
    refused: { type: 'boolean', help: 'only what was refused' },
    since: { type: 'string', value: '24h', help: 'only what was done so long ago at most' },
    export: { type: 'boolean', help: 'print every record as a line of JSON, oldest last, for another program to keep' },
    verify: { type: 'boolean', help: 'ask also whether any record was changed or taken out' },
  },
  notes: 'Sign-ins, people, tokens, workspaces, approvals, shells, secrets, and each fetch and push through the server are one record each, refused ones too. With --verify the exit code is 1 when the records do not hold.',
  examples: ['berth audit', 'berth audit demo --limit 20', 'berth audit --refused --since 24h', 'berth audit --action sign-in --by ada', 'berth audit --export > audit.jsonl', 'berth audit --verify'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'audit')
    const limit = Number(values.limit ?? 100)
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT) throw new BerthError('bad_request', `--limit is a number from 1 to ${LIMIT}`)
    const { action, by } = values
    const sinceMs = values.since === undefined ? undefined : parseDuration(values.since, 'since')
    const filter = { ...(action === undefined ? {} : { action }), ...(by === undefined ? {} : { by }), ...(values.refused === true ? { refused: 'true' as const } : {}), ...(sinceMs === undefined ? {} : { since: Date.now() - sinceMs }) }
    return { word: positionals[0], limit, filter, verify: values.verify === true, all: values.export === true }
  },
  async run({ connect, io, json, signal }, { word, limit, filter, verify, all }) {
    const { client } = await connect()
    const workspace = word === undefined ? null : await resolveWorkspace(client, word, signal)
    const wanted = { ...filter, ...(workspace === null ? {} : { workspace: workspace.id }) }
    if (all) await everything(client, wanted, { out: (line) => io.out(line), signal })
    const { records, intact } = await client.listAudit({ ...wanted, limit: all ? 1 : limit, verify: verify ? 'true' : 'false' }, signal)
    if (!all && json) io.out(JSON.stringify({ records, intact }))
    else if (!all && records.length === 0) io.note('Nothing yet.')
    else if (!all) io.out(lines(records, io.style))
    if (intact === false) throw new BerthError('conflict', 'a record was changed or taken out', { hint: 'compare with a backup: `berth backup` keeps the records as they were. A database that was brought back by other means than `berth restore` lacks records too: then remove audit-heads.json of the server\'s home and start it anew' })
    if (intact === true && !json) io.note('Every record is as it was written.')
  },
})

type Filter = Omit<NonNullable<Parameters<Client['listAudit']>[0]>, 'limit' | 'before' | 'verify'>

/** Page after page, each record once: new ones come before the first page and are not in it. */
async function everything(client: Client, wanted: Filter, { out, signal }: { out(line: string): void; signal: AbortSignal }): Promise<void> {
  let before: number | undefined
  for (;;) {
    const { records } = await client.listAudit({ ...wanted, limit: LIMIT, ...(before === undefined ? {} : { before }) }, signal)
    for (const record of records) out(JSON.stringify(record))
    before = records.at(-1)?.n
    if (records.length < LIMIT || before === undefined) return
  }
}

function lines(records: readonly AuditRecord[], style: Style): string {
  const rows = records.map(({ at, actor, action, subject, allowed, reason, refs }) => {
    const what = refs.map(({ ref, refused }) => `${ref.replace('refs/heads/', '')}${refused === null ? '' : ` (${refused})`}`).join(', ')
    return [new Date(at).toISOString().replace('T', ' ').slice(0, 19), allowed ? 'yes' : 'no', cleanLine(actor, 40), action, cleanLine(subject, 80), cleanLine(what === '' ? (reason ?? '') : what, 120)]
  })
  const [header = '', ...rest] = table([['AT (UTC)', 'DONE', 'BY', 'WHAT', 'WHERE', ''], ...rows])
  return [style.dim(header), ...rest].join('\n')
}
