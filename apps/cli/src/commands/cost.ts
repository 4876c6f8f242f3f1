import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { Cost, CostLimit } from '@berth/wire/cost'
import { money, perHour } from '@berth/wire/money'
import { cleanLine } from '../clean.ts'
import { atMost, command, integer } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { amount } from '../up/cost.ts'
import { duration } from '../words.ts'

const BY = ['workspace', 'person', 'month', 'provider'] as const
type By = (typeof BY)[number]

export const cost = command({
  name: 'cost',
  summary: 'Show what machines cost, and say what may be spent',
  arguments: '[workspace]',
  options: {
    month: { type: 'string', value: 'yyyy-mm', help: 'that month (UTC) instead of this one' },
    since: { type: 'string', value: 'yyyy-mm', help: 'from that month until now' },
    by: { type: 'string', value: 'what', help: 'a line for each workspace (default), person, month or provider' },
    limit: { type: 'string', value: 'amount | off', help: 'what may be spent in a month; then what costs money is stopped, and not started' },
    warn: { type: 'string', value: 'amount | off', help: 'at so much in a month people are told, once' },
    hourly: { type: 'string', value: 'amount | off', help: 'what all that runs may cost an hour' },
    running: { type: 'string', value: 'n | off', help: 'how many workspaces may run at once' },
    currency: { type: 'string', value: 'code', help: 'of these amounts (default EUR); what is billed in another counts one for one' },
    for: { type: 'string', value: 'all | me | person', help: 'whose limits: the organisation\'s (all, the default), yours, or those of a person in `berth people`' },
  },
  notes: 'By the list of prices of each provider when the machine was begun, each begun hour whole where the vendor counts so; the bill of the vendor may have taxes and rebates. Machines of your own are free. Prepared images count from when they were made, and so does the machine that one is made of, as "made of" its name, until it is given back.',
  examples: ['berth cost', 'berth cost demo --since 2026-01', 'berth cost --by person --json', 'berth cost --limit 200 --warn 150', 'berth cost --running 5 --hourly 1.50 --for me'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'cost')
    const by = BY.find((known) => known === (values.by ?? 'workspace'))
    if (by === undefined) throw new BerthError('bad_request', `--by takes ${BY.join(', ')}`)
    for (const name of ['month', 'since'] as const) if (values[name] !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(values[name])) throw new BerthError('bad_request', `--${name} takes a month such as 2026-11, not "${values[name]}"`)
    const change = {
      ...some('hardMicros', limited(values.limit, 'limit', amount)), ...some('softMicros', limited(values.warn, 'warn', amount)), ...some('hourlyMicros', limited(values.hourly, 'hourly', amount)),
      ...some('running', limited(values.running, 'running', (text, option) => integer(text, option) ?? 0)), ...(values.currency === undefined ? {} : { currency: values.currency.toUpperCase() }),
    }
    return { word: positionals[0], by, month: values.month, since: values.since, change, whose: values.for ?? 'all' }
  },
  async run(context, { word, by, month, since, change, whose }) {
    const { connect, io, json, signal } = context
    const { client } = await connect()
    if (Object.keys(change).length > 0) return setLimits(context, client, { change, whose })
    const workspace = word === undefined ? undefined : (await resolveWorkspace(client, word, signal)).id
    const [costs, limits] = await Promise.all([
      client.listCosts({ ...(month === undefined ? {} : { month }), ...(since === undefined ? {} : { since }), ...(workspace === undefined ? {} : { workspace }) }, signal), client.listCostLimits(undefined, signal),
    ])
    if (json) return io.out(JSON.stringify({ costs, limits }))
    if (costs.length === 0) io.note('Nothing was paid for.')
    else show(context, costs, { by, people: by === 'person' ? await namesOf(client, signal) : new Map() })
    showLimits(context, limits)
  },
})

type Change = { -readonly [K in 'hardMicros' | 'softMicros' | 'hourlyMicros' | 'running']?: number | null } & { currency?: string }

function limited(text: string | undefined, option: string, read: (text: string, option: string) => number): number | null | undefined {
  return text === undefined ? undefined : text === 'off' ? null : read(text, option)
}
const some = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } => (value === undefined ? {} : { [key]: value }) as { [P in K]?: V } // one key with a value, or none

/** What is not named stays as it is. */
async function setLimits(context: Context, client: Client, { change, whose }: { change: Change; whose: string }): Promise<void> {
  const { io, json, signal } = context
  const me = await client.me(undefined, signal)
  const of = whose === 'all' ? { scope: 'organisation' as const, subject: me.organisation.id } : { scope: 'user' as const, subject: whose === 'me' ? me.userId : await personNamed(client, whose, signal) }
  const known = (await client.listCostLimits(undefined, signal)).find(({ scope, subject }) => scope === of.scope && subject === of.subject)
  const { softMicros = null, hardMicros = null, hourlyMicros = null, running = null, currency = 'EUR' } = known ?? {}
  const limits = await client.setCostLimit({ softMicros, hardMicros, hourlyMicros, running, currency, ...change, ...of }, signal)
  if (json) return io.out(JSON.stringify(limits))
  showLimits(context, limits)
  if (limits.length === 0) io.out('Nothing is limited.')
}

async function personNamed(client: Client, word: string, signal: AbortSignal): Promise<string> {
  const people = await client.listPeople(undefined, signal)
  const found = people.filter(({ userId, name }) => userId === word || name === word)
  if (found.length === 1 && found[0] !== undefined) return found[0].userId
  throw new BerthError(found.length === 0 ? 'not_found' : 'ambiguous_name', `${found.length === 0 ? 'nobody is' : 'several people are'} called "${word}"`, { hint: '`berth people` shows them' })
}

async function namesOf(client: Client, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  return new Map((await client.listPeople(undefined, signal)).map(({ userId, name }) => [userId, name]))
}

function show({ io }: Context, costs: readonly Cost[], { by, people }: { by: By; people: ReadonlyMap<string, string> }): void {
  const nameOf = (one: Cost): string => ({ workspace: one.image === null ? one.name ?? one.workspaceId ?? '' : `image ${one.image}`, person: one.userId === null ? 'images' : people.get(one.userId) ?? one.userId, month: one.month, provider: one.provider })[by]
  const sums = new Map<string, Pick<Cost, 'currency' | 'runningMs' | 'stoppedMs' | 'micros' | 'unpricedMs'>>()
  for (const one of costs) {
    const key = JSON.stringify([nameOf(one), one.currency])
    const sum = sums.get(key) ?? { currency: one.currency, runningMs: 0, stoppedMs: 0, micros: 0, unpricedMs: 0 }
    sums.set(key, { currency: sum.currency, runningMs: sum.runningMs + one.runningMs, stoppedMs: sum.stoppedMs + one.stoppedMs, micros: sum.micros + one.micros, unpricedMs: sum.unpricedMs + one.unpricedMs })
  }
  const time = (ms: number): string => (ms === 0 ? '—' : duration(ms).replace(/ \d+ s$/, ''))
  const rows = [...sums].toSorted(([, one], [, other]) => other.micros - one.micros).map(([key, { currency, runningMs, stoppedMs, micros, unpricedMs }]) =>
    [io.style.bold(cleanLine((JSON.parse(key) as [string])[0], 60)), time(runningMs), time(stoppedMs), currency === null ? 'price unknown' : `${money(micros, currency)}${unpricedMs > 0 ? ' and more' : ''}`])
  const [header = '', ...lines] = table([[by.toUpperCase(), 'RUNNING', 'STOPPED', 'COST'], ...rows], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
  const totals = Map.groupBy(costs.filter(({ currency }) => currency !== null), ({ currency }) => currency ?? '')
  io.out(`Total: ${[...totals].map(([currency, ones]) => money(ones.reduce((sum, { micros }) => sum + micros, 0), currency)).join(' and ') || 'nothing'}`)
}

function showLimits({ io }: Context, limits: readonly CostLimit[]): void {
  for (const { scope, subject, currency, softMicros, hardMicros, hourlyMicros, running, monthMicros } of limits) {
    const parts = [
      ...(hardMicros === null ? [] : [`at most ${money(hardMicros, currency)} a month`]), ...(softMicros === null ? [] : [`told at ${money(softMicros, currency)}`]),
      ...(hourlyMicros === null ? [] : [`${perHour({ microsPerHour: hourlyMicros, currency })} at once`]), ...(running === null ? [] : [`${running} running`]),
    ]
    io.note(io.noteStyle.dim(`${scope === 'organisation' ? 'the organisation' : subject}: ${parts.join(', ')}; ${money(monthMicros, currency)} this month`))
  }
}
