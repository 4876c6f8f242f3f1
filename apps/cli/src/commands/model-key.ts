import { BerthError } from '@berth/wire/error'
import { MODEL_VENDORS, ModelVendor, type ModelKey } from '@berth/wire/model-access'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { secretFromInput } from '../secret-input.ts'

const VERBS = ['list', 'add', 'remove'] as const

export const modelKey = command({
  name: 'model-key',
  summary: 'Keep the key of a model vendor, which no workspace ever sees',
  arguments: '[list | add <vendor> | remove <vendor>]',
  options: {
    limit: { type: 'string', value: 'dollars', help: 'what one workspace may use; then its agent is told so, and nothing goes on' },
    url: { type: 'string', value: 'address', help: 'where the vendor listens, for a gateway of your own' },
  },
  notes: `Vendors: ${ModelVendor.options.join(', ')}. The key is read from standard input. Agents of new workspaces, and others from their next start on, reach their model through the server, unless a person chose another way (--env, --copy-credentials). The limit counts by the maker's list of prices, which is known for Claude.`,
  examples: ['berth model-key add anthropic --limit 20 < key.txt', 'berth model-key', 'berth model-key remove anthropic', 'berth usage'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'model-key')
    const [word = 'list', name] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `model-key has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    const vendor = ModelVendor.safeParse(name)
    if (verb !== 'list' && !vendor.success) throw new BerthError('bad_request', name === undefined ? 'which vendor?' : `there is no vendor ${name}`, { hint: `one of ${ModelVendor.options.join(', ')}` })
    const limit = values.limit === undefined ? null : Number(values.limit.replace(/^\$/, ''))
    if (limit !== null && !(limit >= 0 && limit <= 1_000_000)) throw new BerthError('bad_request', '--limit is dollars, such as 20 or 0.50')
    return { verb, vendor: vendor.success ? vendor.data : null, limitMicros: limit === null ? null : Math.round(limit * 1e6), url: values.url }
  },
  async run(context, { verb, vendor, limitMicros, url }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list' || vendor === null) return show(context, await client.listModelKeys(signal))
    const { title } = MODEL_VENDORS[vendor]
    if (verb === 'remove') {
      const result = await client.removeModelKey({ vendor }, signal)
      if (!result.removed) throw new BerthError('not_found', `there is no key for ${title}`, { hint: '`berth model-key` lists them' })
      return io.out(json ? JSON.stringify(result) : `Forgot the key for ${title}.`)
    }
    const kept = await client.putModelKey({ vendor, key: await secretFromInput(io, 'key', `berth model-key add ${vendor} < key.txt`), limitMicros, ...(url === undefined ? {} : { baseUrl: url }) }, signal)
    io.out(json ? JSON.stringify(kept) : `Kept the key for ${title}${limitMicros === null ? '' : `; a workspace may use ${dollars(limitMicros)}`}.`)
  },
})

const dollars = (micros: number): string => `$${(micros / 1e6).toFixed(2)}`
function show({ io, json }: Context, keys: readonly ModelKey[]): void {
  if (json) return io.out(JSON.stringify(keys))
  if (keys.length === 0) return io.note('No model key. `berth model-key add anthropic` keeps one.')
  const [header = '', ...lines] = table([['VENDOR', 'ADDRESS', 'EACH WORKSPACE', 'LAST USED'], ...keys.map(({ vendor, baseUrl, limitMicros, lastUsedAt }) => [vendor, baseUrl, limitMicros === null ? 'no limit' : dollars(limitMicros), lastUsedAt === null ? 'never' : new Date(lastUsedAt).toISOString()])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
