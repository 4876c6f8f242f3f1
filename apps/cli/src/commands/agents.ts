import type { Client } from '@berth/client'
import { AGENT_PROGRAMS, type AgentProgramName } from '@berth/wire/agents'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'

const LOOK_MS = 500
type Entry = Awaited<ReturnType<Client['listAgents']>>[number]

export const agents = command({
  name: 'agents',
  summary: 'List the agents on this host, fetch one, or choose its version',
  arguments: '<list | install <agent> | upgrade <agent>>',
  options: {
    version: { type: 'string', value: 'x.y.z', help: 'with install and upgrade: another version than the pinned, or the newest, one' },
    latest: { type: 'boolean', help: 'with list: ask for the newest versions too' },
  },
  notes: 'install fetches the pinned version, so that the first workspace need not wait. upgrade fetches the newest and makes it what agents run that start from now on; `upgrade <agent> --version <pinned>` goes back.',
  examples: ['berth agents', 'berth agents list --latest', 'berth agents install codex', 'berth agents upgrade opencode --version 1.18.34'],
  parse({ values, positionals }) {
    const [action = 'list', name, ...more] = positionals
    if (more.length > 0) throw new BerthError('bad_request', `one agent at a time; "${more[0]}" is too much`)
    if (action === 'list' && name === undefined) return { action, name: null, version: undefined, latest: values.latest ?? false } as const
    if ((action === 'install' || action === 'upgrade') && isAgent(name)) return { action, name, version: values.version, latest: false } as const
    throw new BerthError('bad_request', name === undefined || isAgent(name) ? `agents cannot "${action}"` : `there is no agent "${name}"`, { hint: `berth agents list | install | upgrade; ${Object.keys(AGENT_PROGRAMS).join(', ')}` })
  },
  async run(context, { action, name, version, latest }) {
    const { client } = await context.connect()
    if (name === null) return list(context, await client.listAgents({ latest: latest ? 'true' : 'false' }, context.signal))
    const wanted = action === 'upgrade' ? (version ?? (await newest(context, client, name))) : version
    await follow(context, client, { name, first: await client.installAgent({ name, ...(wanted === undefined ? {} : { version: wanted }), use: action === 'upgrade' }, context.signal) })
  },
})

function list({ io, json }: Context, entries: readonly Entry[]): void {
  if (json) return io.out(JSON.stringify(entries))
  const rows = entries.map(({ name, pinned, used, installed, latest, fetching, failed }) => [
    io.style.bold(name), installed.includes(used) ? `${io.style.green('✓')} ${used}` : io.style.dim(`○ ${used}`), pinned === used ? '' : pinned, installed.filter((version) => version !== used).join(' '), latest ?? '',
    cleanLine(fetching?.detail ?? failed ?? '', 60),
  ])
  const [header = '', ...lines] = table([['AGENT', 'USED', 'PINNED', 'ALSO HERE', 'NEWEST', ''], ...rows], io.columns)
  io.out(io.style.dim(header))
  for (const line of lines) io.out(line)
}

async function newest({ signal }: Context, client: Client, name: AgentProgramName): Promise<string> {
  const found = (await client.listAgents({ latest: 'true' }, signal)).find((entry) => entry.name === name)?.latest
  if (found) return found
  throw new BerthError('network_unreachable', `nobody says which version of ${name} is the newest`, { hint: `name it: berth agents upgrade ${name} --version x.y.z` })
}

async function follow({ io, json, signal }: Context, client: Client, { name, first }: { name: AgentProgramName; first: Entry }): Promise<void> {
  let [now, told] = [first, '']
  while (now.fetching !== null) {
    if (now.fetching.detail !== told) io.note(io.noteStyle.dim(cleanLine((told = now.fetching.detail))))
    await Bun.sleep(LOOK_MS)
    signal.throwIfAborted()
    now = (await client.listAgents({}, signal)).find((entry) => entry.name === name) ?? now
  }
  if (now.failed !== null) throw new BerthError('agent_unavailable', `${name} was not fetched: ${cleanLine(now.failed, 400)}`, { hint: 'see `berth server logs`' })
  io.out(json ? JSON.stringify(now) : `${io.style.green('✓')} ${name} ${now.installed.join(', ')} is here; agents that start from now on run ${now.used}.`)
}

const isAgent = (word: string | undefined): word is AgentProgramName => word !== undefined && Object.hasOwn(AGENT_PROGRAMS, word)
