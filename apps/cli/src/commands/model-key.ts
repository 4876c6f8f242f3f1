import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { KeyName, MODEL_VENDORS, ModelVendor, OAuthLogin, type ModelKey } from '@berth/wire/model-access'
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
    name: { type: 'string', value: 'name', help: 'one more key: tried when those before it are refused' },
    mine: { type: 'boolean', help: 'with --name: only your own workspaces use it, and before all others' },
    login: { type: 'boolean', help: 'with --name: what is given is a login that the server renews, as JSON {accessToken, refreshToken, expiresAt, tokenUrl, clientId}' },
    url: { type: 'string', value: 'address', help: 'where the vendor listens, for a gateway of your own' },
  },
  notes: `Vendors: ${ModelVendor.options.join(', ')}. The key is read from standard input. Agents of new workspaces, and others from their next start on, reach their model through the server, unless a person chose another way (--env, --copy-credentials). A key that is refused (401, 429, 5xx) before an answer begins makes way for the next. The limit counts by the maker's list of prices, which is known for Claude.`,
  examples: ['berth model-key add anthropic --limit 20 < key.txt', 'berth model-key', 'berth model-key add anthropic --name backup < other.txt', 'berth model-key remove anthropic', 'berth model-key remove anthropic --name backup', 'berth usage'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'model-key')
    const [word = 'list', name] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `model-key has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    const vendor = ModelVendor.safeParse(name)
    if (verb !== 'list' && !vendor.success) throw new BerthError('bad_request', name === undefined ? 'which vendor?' : `there is no vendor ${name}`, { hint: `one of ${ModelVendor.options.join(', ')}` })
    const limitMicros = limitIn(values.limit)
    checkFurther(values, limitMicros)
    return { name: values.name, mine: values.mine ?? false, login: values.login ?? false, verb, vendor: vendor.success ? vendor.data : null, limitMicros, url: values.url }
  },
  async run(context, { verb, vendor, limitMicros, url, name, mine, login }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list' || vendor === null) return show(context, await client.listModelKeys(signal))
    const { title } = MODEL_VENDORS[vendor]
    if (verb === 'remove') {
      const result = name === undefined ? await client.removeModelKey({ vendor }, signal) : await client.removeModelFallback({ vendor, name }, signal)
      if (!result.removed) throw new BerthError('not_found', `there is no key for ${title}`, { hint: '`berth model-key` lists them' })
      return io.out(json ? JSON.stringify(result) : `Forgot the key for ${title}.`)
    }
    if (name !== undefined) return addFurther(context, client, { vendor, name, mine, login, url })
    const kept = await client.putModelKey({ vendor, key: await secretFromInput(io, 'key', `berth model-key add ${vendor} < key.txt`), limitMicros, ...(url === undefined ? {} : { baseUrl: url }) }, signal)
    io.out(json ? JSON.stringify(kept) : `Kept the key for ${title}${limitMicros === null ? '' : `; a workspace may use ${dollars(limitMicros)}`}.`)
  },
})

function limitIn(text: string | undefined): number | null {
  const limit = text === undefined ? null : Number(text.replace(/^\$/, ''))
  if (limit !== null && !(limit >= 0 && limit <= 1_000_000)) throw new BerthError('bad_request', '--limit is dollars, such as 20 or 0.50')
  return limit === null ? null : Math.round(limit * 1e6)
}
function checkFurther({ name, mine, login }: { name?: string | undefined; mine?: boolean | undefined; login?: boolean | undefined }, limitMicros: number | null): void {
  if (name !== undefined && !KeyName.safeParse(name).success) throw new BerthError('bad_request', '--name has lower-case letters, digits and dashes')
  if (name === undefined && (mine === true || login === true)) throw new BerthError('bad_request', `${mine === true ? '--mine' : '--login'} goes with --name`)
  if (name !== undefined && limitMicros !== null) throw new BerthError('bad_request', '--limit goes with the first key; it holds for all of them')
}
async function addFurther({ io, json, signal }: Context, client: Client, { vendor, name, mine, login, url }: { vendor: ModelVendor; name: string; mine: boolean; login: boolean; url: string | undefined }): Promise<void> {
  const given = await secretFromInput(io, login ? 'login' : 'key', `berth model-key add ${vendor} --name ${name} < key.txt`)
  const further = await client.addModelFallback({ vendor, name, personal: mine, ...(login ? { login: loginIn(given) } : { key: given }), ...(url === undefined ? {} : { baseUrl: url }) }, signal)
  io.out(json ? JSON.stringify(further) : `Kept the ${login ? 'login' : 'key'} ${name} for ${MODEL_VENDORS[vendor].title}; ${mine ? 'your workspaces use it first' : 'it is used when those before it are refused'}.`)
}
function loginIn(text: string): OAuthLogin {
  const said = OAuthLogin.safeParse(parsed(text))
  if (said.success) return said.data
  throw new BerthError('bad_request', 'this is no login', { hint: 'JSON with accessToken, refreshToken, expiresAt (ms), tokenUrl and clientId' })
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
const dollars = (micros: number): string => `$${(micros / 1e6).toFixed(2)}`
function show({ io, json }: Context, keys: readonly ModelKey[]): void {
  if (json) return io.out(JSON.stringify(keys))
  if (keys.length === 0) return io.note('No model key. `berth model-key add anthropic` keeps one.')
  const [header = '', ...lines] = table([['VENDOR', 'KEY', 'ADDRESS', 'EACH WORKSPACE', 'LAST USED'], ...keys.map(({ vendor, name, kind, personal, baseUrl, limitMicros, lastUsedAt }) => [vendor, name === undefined ? 'the first' : `${name}${kind === 'oauth' ? ', a login' : ''}${personal === true ? ', personal' : ''}`, baseUrl, name !== undefined ? '' : limitMicros === null ? 'no limit' : dollars(limitMicros), lastUsedAt === null ? 'never' : new Date(lastUsedAt).toISOString()])])
  io.out([io.style.dim(header), ...lines].join('\n'))
}
