import { BerthError } from '@berth/wire/error'
import { money } from '@berth/wire/money'
import type { Pool } from '@berth/wire/pools'
import { cleanLine } from '../clean.ts'
import { atMost, command, integer } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { amount } from '../up/cost.ts'
import { resourcesFrom } from '../up/size.ts'

const VERBS = ['list', 'set', 'remove'] as const

export const pool = command({
  name: 'pool',
  summary: 'Keep workspaces of a repository ready, so that `up` need not wait for a machine',
  arguments: '[list | set <repo-url> | remove <repo-url>]',
  options: {
    provider: { type: 'string', value: 'name', help: 'where their machines run' },
    branch: { type: 'string', short: 'b', value: 'branch', help: 'of the repository, instead of its own' },
    size: { type: 'string', value: 'size', help: 'small, medium, large or xlarge' },
    memory: { type: 'string', value: 'size', help: 'limit of memory, such as 4g' },
    cpus: { type: 'string', value: 'n', help: 'limit of processor cores' },
    count: { type: 'string', value: 'n', help: 'so many are kept ready (1)' },
    budget: { type: 'string', value: 'amount', help: 'what they may cost in a month before somebody takes them; then they are ended' },
    currency: { type: 'string', value: 'code', help: 'of the budget (default EUR)' },
  },
  notes: 'Each has its machine, its toolbox and its code. `berth up <repo-url>` with the same branch, provider and size takes one and brings its code\nup to date; another is made in its place. From then on it is that workspace, and its cost is its owner\'s.',
  examples: ['berth pool set https://github.com/owner/repo --provider hetzner --size large --count 2 --budget 30', 'berth pool', 'berth pool remove https://github.com/owner/repo'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'pool')
    const [word = 'list', url] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `pool has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && url === undefined) throw new BerthError('bad_request', 'of which repository?', { hint: `berth pool ${verb} https://github.com/owner/repo` })
    if (verb === 'set' && values.budget === undefined) throw new BerthError('bad_request', 'what may it cost in a month?', { hint: '--budget 30; 0 where machines are free' })
    return {
      verb, url: url ?? '', resources: resourcesFrom({ size: values.size, memory: values.memory, cpus: values.cpus }), count: integer(values.count, 'count') ?? 1,
      budgetMicros: values.budget === undefined ? 0 : amount(values.budget, 'budget'), branch: values.branch, provider: values.provider, currency: values.currency?.toUpperCase(),
    }
  },
  async run(context, { verb, url, resources, count, budgetMicros, branch, provider, currency }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list') return show(context, await client.listPools(undefined, signal))
    if (verb === 'remove') {
      const found = (await client.listPools(undefined, signal)).filter((each) => each.url === url || each.id === url)
      const mine = found.filter((each) => (branch === undefined || each.branch === branch) && (provider === undefined || each.provider === provider))
      if (mine.length === 0) throw new BerthError('not_found', `there is no pool of ${cleanLine(url)}`, { hint: '`berth pool` lists them' })
      for (const { id } of mine) await client.removePool({ id }, signal)
      return io.out(json ? JSON.stringify({ removed: mine.map(({ id }) => id) }) : `Removed ${mine.length === 1 ? 'the pool' : `${mine.length} pools`}; what nobody has taken is ended.`)
    }
    const made = await client.setPool({ url, resources, count, budgetMicros, ...(branch === undefined ? {} : { branch }), ...(provider === undefined ? {} : { provider }), ...(currency === undefined ? {} : { currency }) }, signal)
    if (json) return io.out(JSON.stringify(made))
    show(context, [made])
  },
})

function show({ io, json }: Context, pools: readonly Pool[]): void {
  if (json) return io.out(JSON.stringify(pools))
  if (pools.length === 0) return io.note('No pool. `berth pool set <repo-url> --count 1 --budget 10` keeps a workspace of it ready.')
  const rows = pools.map(({ url, branch, provider, ready, count, preparing, monthMicros, budgetMicros, currency, problem }) => [
    cleanLine(branch === null ? url : `${url} ${branch}`, 100), provider, `${ready} of ${count}${preparing === 0 ? '' : `, ${preparing} on the way`}`, `${money(monthMicros, currency)} of ${money(budgetMicros, currency)}`, problem === null ? '' : cleanLine(problem, 120),
  ])
  const [header = '', ...lines] = table([['REPOSITORY', 'PROVIDER', 'READY', 'THIS MONTH', ''], ...rows], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
}
