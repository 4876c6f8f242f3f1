import { BerthError } from '@berth/wire/error'
import type { AuditRecord } from '@berth/wire/git-access'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import { table, type Style } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

const LIMIT = 500

export const audit = command({
  name: 'audit',
  summary: 'Show what was done with credentials, newest first',
  arguments: '[workspace]',
  options: {
    limit: { type: 'string', value: 'n', help: `how many records (100, at most ${LIMIT})` },
    verify: { type: 'boolean', help: 'ask also whether any record was changed or taken out' },
  },
  notes: 'Each fetch and push through the server is one record, refused ones too. With --verify the exit code is 1 when the records do not hold.',
  examples: ['berth audit', 'berth audit demo --limit 20', 'berth audit --verify', 'berth audit --json'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'audit')
    const limit = Number(values.limit ?? 100)
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT) throw new BerthError('bad_request', `--limit is a number from 1 to ${LIMIT}`)
    return { word: positionals[0], limit, verify: values.verify === true }
  },
  async run({ connect, io, json, signal }, { word, limit, verify }) {
    const { client } = await connect()
    const workspace = word === undefined ? null : await resolveWorkspace(client, word, signal)
    const { records, intact } = await client.listAudit({ limit, verify: verify ? 'true' : 'false', ...(workspace === null ? {} : { workspace: workspace.id }) }, signal)
    if (json) io.out(JSON.stringify({ records, intact }))
    else if (records.length === 0) io.note('Nothing yet.')
    else io.out(lines(records, io.style))
    if (intact === false) throw new BerthError('conflict', 'a record was changed or taken out', { hint: 'compare with a backup: `berth backup` keeps the records as they were' })
    if (intact === true && !json) io.note('Every record is as it was written.')
  },
})

function lines(records: readonly AuditRecord[], style: Style): string {
  const rows = records.map(({ at, actor, action, subject, allowed, reason, refs }) => {
    const what = refs.map(({ ref, refused }) => `${ref.replace('refs/heads/', '')}${refused === null ? '' : ` (${refused})`}`).join(', ')
    return [new Date(at).toISOString().replace('T', ' ').slice(0, 19), allowed ? 'yes' : 'no', cleanLine(actor, 40), action, cleanLine(subject, 80), cleanLine(what === '' ? (reason ?? '') : what, 120)]
  })
  const [header = '', ...rest] = table([['AT (UTC)', 'DONE', 'BY', 'WHAT', 'WHERE', ''], ...rows])
  return [style.dim(header), ...rest].join('\n')
}
