import type { Client } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { ModelBudget, ModelUsage, ModelUsageDay } from '@berth/wire/model-access'
import { PRICES_OF } from '@berth/wire/model-prices'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'

const SCOPES = ['workspace', 'me', 'all'] as const

export const usage = command({
  name: 'usage',
  summary: 'Show what workspaces used of models through this server, and say what they may',
  arguments: '[workspace]',
  options: {
    days: { type: 'boolean', help: 'a line for each day, session and key' },
    limit: { type: 'string', value: 'dollars | off', help: 'what may be used in a month (UTC); then agents are told so, and nothing goes on' },
    warn: { type: 'string', value: 'dollars | off', help: 'at so much in a month its people are told, once' },
    for: { type: 'string', value: 'workspace | me | all', help: 'whose limit: the workspace that is named, yours, or that of the organisation (all)' },
  },
  notes: `Only what went through the server (berth model-key). The cost is by the makers' lists of prices of ${PRICES_OF}; what a model without a price used is shown as tokens, and counts for limits as $10 a million. A call that was broken off is counted by what came of it.`,
  examples: ['berth usage', 'berth usage demo --days', 'berth usage --json', 'berth usage --limit 200 --warn 150', 'berth usage demo --limit 20 --for workspace'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'usage')
    const word = positionals[0]
    const scope = SCOPES.find((known) => known === (values.for ?? (word === undefined ? 'all' : 'workspace')))
    if (scope === undefined || (scope === 'workspace') !== (word !== undefined)) throw new BerthError('bad_request', '--for takes workspace (with its name), me or all')
    return { word, days: values.days ?? false, scope, hard: amount(values.limit, 'limit'), soft: amount(values.warn, 'warn') }
  },
  async run(context, { word, days, scope, hard, soft }) {
    const { connect, io, json, signal } = context
    const { client } = await connect()
    const workspace = word === undefined ? null : await resolveWorkspace(client, word, signal)
    if (hard !== undefined || soft !== undefined) return setLimits(context, client, { scope, workspace: workspace?.id, hard, soft })
    if (days) {
      const used = await client.listModelUsageDays(workspace === null ? {} : { workspace: workspace.id }, signal)
      return json ? io.out(JSON.stringify(used)) : showDays(context, used, await namesOf(client, signal))
    }
    const used = await client.listModelUsage(workspace === null ? {} : { workspace: workspace.id }, signal)
    if (json) return io.out(JSON.stringify(used))
    if (used.length === 0) io.note('Nothing yet.')
    else showSums(context, used, await namesOf(client, signal))
    showBudgets(context, await client.listModelBudgets(signal))
  },
})

async function setLimits(context: Context, client: Client, { scope, workspace, hard, soft }: { scope: (typeof SCOPES)[number]; workspace: WorkspaceId | undefined; hard: number | null | undefined; soft: number | null | undefined }): Promise<void> {
  const before = (await client.listModelBudgets(context.signal)).find((one) => one.scope === WIRE_SCOPE[scope] && (workspace === undefined || one.subject === workspace))
  const limits = { hardMicros: hard === undefined ? before?.hardMicros ?? null : hard, softMicros: soft === undefined ? before?.softMicros ?? null : soft }
  const budgets = await client.setModelBudget({ scope: WIRE_SCOPE[scope], ...(workspace === undefined ? {} : { subject: workspace }), ...limits }, context.signal)
  if (context.json) context.io.out(JSON.stringify(budgets))
  else showBudgets(context, budgets)
}

const WIRE_SCOPE = { workspace: 'workspace', me: 'user', all: 'organisation' } as const
const MOST_DOLLARS = 1_000_000
/** Null: off. Absent: not said. */
function amount(text: string | undefined, name: string): number | null | undefined {
  if (text === undefined || text === 'off') return text === undefined ? undefined : null
  const dollars = Number(text.replace(/^\$/, ''))
  if (!(dollars >= 0 && dollars <= MOST_DOLLARS)) throw new BerthError('bad_request', `--${name} is dollars, such as 20 or 0.50, or off`)
  return Math.round(dollars * 1e6)
}
async function namesOf(client: Client, signal: AbortSignal): Promise<Map<string, string>> {
  return new Map((await client.listWorkspaces({ deleted: 'true' }, signal)).map(({ id, name }) => [id, name]))
}
const dollars = (micros: number | null): string => micros === null ? '' : `$${(micros / 1e6).toFixed(2)}`
function showBudgets({ io }: Context, budgets: readonly ModelBudget[]): void {
  for (const { scope, usedMicros, softMicros, hardMicros } of budgets) {
    const state = hardMicros !== null && usedMicros >= hardMicros ? ': used up, its agents are stopped' : softMicros !== null && usedMicros >= softMicros ? ': above the soft limit' : ''
    io.out(`this month, ${scope}: ${dollars(usedMicros)} used${softMicros === null ? '' : `, told at ${dollars(softMicros)}`}${hardMicros === null ? '' : `, stopped at ${dollars(hardMicros)}`}${state}`)
  }
}
function showSums({ io }: Context, used: readonly ModelUsage[], names: ReadonlyMap<string, string>): void {
  const rows = used.map((row) => [cleanLine(names.get(row.workspaceId) ?? row.workspaceId, 40), cleanLine(row.model, 40), String(row.requests), String(row.inputTokens + row.cacheReadTokens + row.cacheWriteTokens), String(row.outputTokens), `$${(row.costMicros / 1e6).toFixed(4)}`])
  const [header = '', ...lines] = table([['WORKSPACE', 'MODEL', 'CALLS', 'TOKENS IN', 'TOKENS OUT', 'COST'], ...rows])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
function showDays({ io }: Context, used: readonly ModelUsageDay[], names: ReadonlyMap<string, string>): void {
  if (used.length === 0) return io.note('Nothing yet.')
  const cost = ({ costMicros, unpricedTokens }: ModelUsageDay): string => unpricedTokens === 0 ? `$${(costMicros / 1e6).toFixed(4)}` : costMicros === 0 ? 'no price' : `$${(costMicros / 1e6).toFixed(4)} and more`
  const rows = used.map((row) => [row.day, cleanLine(names.get(row.workspaceId) ?? row.workspaceId, 40), cleanLine(row.model, 40), row.keyName === '' ? 'the first' : row.keyName, `${row.requests}${row.estimated > 0 ? ` (${row.estimated} broken off)` : ''}`, String(row.inputTokens + row.cacheReadTokens + row.cacheWriteTokens), String(row.outputTokens), cost(row)])
  const [header = '', ...lines] = table([['DAY', 'WORKSPACE', 'MODEL', 'KEY', 'CALLS', 'TOKENS IN', 'TOKENS OUT', 'COST'], ...rows])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
