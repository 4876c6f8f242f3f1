import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'

export const provider = command({
  name: 'provider',
  summary: 'List where machines can run, or set one up',
  arguments: '<list | setup <name>>',
  examples: ['berth provider list', 'berth provider setup docker'],
  parse({ positionals }) {
    const [action = 'list', name] = positionals
    if (action === 'list') return { name: null }
    if (action === 'setup' && name) return { name }
    throw new BerthError('bad_request', action === 'setup' ? 'set up which provider?' : `a provider cannot "${action}"`, { hint: 'berth provider list, berth provider setup <name>' })
  },
  run: (context, { name }) => (name === null ? list(context) : setup(context, name)),
})

async function list({ connect, io, json, signal }: Context): Promise<void> {
  const { client } = await connect()
  const providers = await client.listProviders(undefined, signal)
  if (json) return io.out(JSON.stringify(providers))
  const rows = providers.map((found) => [io.style.bold(found.name), found.status === 'ready' ? `${io.style.green('✓')} ready` : io.style.dim('○ unavailable'), found.default ? 'default' : '', found.isolation, cleanLine(found.detail, 100)])
  const [header = '', ...lines] = table([['NAME', 'STATUS', 'DEFAULT', 'ISOLATION', 'DETAIL'], ...rows])
  io.out(io.style.dim(header))
  for (const line of lines) io.out(line)
  for (const found of providers) if (found.hint) io.note(io.noteStyle.dim(`${found.name}: ${cleanLine(found.hint)}`))
}

/** Those of today need no account; setting up is looking whether they answer, and saying what is missing. */
async function setup({ connect, io, json, signal, exitWith }: Context, name: string): Promise<void> {
  const { client } = await connect()
  const providers = await client.listProviders(undefined, signal)
  const found = providers.find((candidate) => candidate.name === name)
  if (!found) throw new BerthError('provider_unknown', `there is no provider "${name}"`, { hint: `there are ${providers.map((known) => known.name).join(', ')}` })
  if (json) io.out(JSON.stringify(found))
  if (found.status === 'unavailable') {
    if (json) return exitWith(5)
    throw new BerthError('provider_unavailable', `${name}: ${found.detail}`, found.hint ? { hint: found.hint } : {})
  }
  if (!json) io.out(`${io.style.green('✓')} ${name} is ready: ${cleanLine(found.detail)}. ${found.default ? 'It is the default.' : `Use it with \`berth up --provider ${name}\`.`}`)
}
