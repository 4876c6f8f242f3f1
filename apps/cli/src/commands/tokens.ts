import { Scope } from '@berth/wire/access'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import { table } from '../io.ts'
import { parseDuration } from '../words.ts'

const VERBS = ['list', 'create', 'revoke'] as const

export const tokens = command({
  name: 'tokens',
  summary: 'Your sessions and API tokens: list, create, revoke',
  arguments: '[list | create [name] | revoke <id>]',
  options: {
    scope: { type: 'string', value: 'scope', help: 'of a new one: read, write or all (read)' },
    expires: { type: 'string', value: '30d', help: 'of a new one: how long it is good, up to 366d (30d)' },
  },
  notes: 'A token is printed once. `read` looks, `write` works in workspaces, `all` is you: it makes further tokens, too. Use it with BERTH_URL and BERTH_TOKEN.',
  examples: ['berth tokens', 'berth tokens create ci --scope read --expires 30d', 'berth tokens create deploy --scope write --expires 12h', 'berth tokens revoke tok_0123456789ab'],
  parse({ values, positionals }) {
    const [word = 'list', ...words] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `tokens has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    atMost(verb === 'list' ? 0 : 1, words, 'tokens')
    if (verb === 'revoke' && words[0] === undefined) throw new BerthError('bad_request', 'which token?', { hint: '`berth tokens` lists them with their ids' })
    const scope = Scope.safeParse(values.scope ?? 'read')
    if (!scope.success) throw new BerthError('bad_request', `--scope is ${Scope.options.join(', ')}`)
    return { verb, word: words[0], scope: scope.data, expiresInMs: values.expires === undefined ? undefined : parseDuration(values.expires, 'expires') }
  },
  async run({ connect, io, json, signal }, { verb, word, scope, expiresInMs }) {
    const { client } = await connect()
    if (verb === 'create') {
      const made = await client.createToken({ name: word ?? `${scope} token`, scope, ...(expiresInMs === undefined ? {} : { expiresInMs }) }, signal)
      io.out(json ? JSON.stringify(made) : made.token)
      if (!json) io.note(io.noteStyle.dim(`May ${scope === 'all' ? 'do all you may' : scope}, until ${new Date(made.expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC. It is not shown again.`))
      return
    }
    const all = await client.listTokens(undefined, signal)
    if (verb === 'revoke') {
      const found = all.find(({ id, name }) => id === word || name === word)
      if (found === undefined) throw new BerthError('not_found', `there is no token "${cleanLine(word ?? '')}"`, { hint: '`berth tokens` lists them' })
      const result = await client.revokeToken({ id: found.id }, signal)
      return io.out(json ? JSON.stringify(result) : `Revoked ${cleanLine(found.name)}. What it holds open ends within ten seconds.`)
    }
    if (json) return io.out(JSON.stringify(all))
    const day = (at: number | null, none: string): string => (at === null ? none : new Date(at).toISOString().slice(0, 16).replace('T', ' '))
    const [header = '', ...lines] = table([['ID', 'NAME', 'KIND', 'SCOPE', 'UNTIL (UTC)', 'LAST USED'], ...all.map((token) => [token.id, `${cleanLine(token.name, 40)}${token.current ? ' (this one)' : ''}`, cleanLine(token.kind, 10), token.scope, day(token.expiresAt, 'no end'), day(token.lastUsedAt, 'never')])])
    io.out([io.style.dim(header), ...lines].join('\n'))
  },
})
