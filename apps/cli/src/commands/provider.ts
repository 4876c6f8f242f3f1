import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { hang, table } from '../io.ts'
import { settingOptions, settingsFrom, writeSettings, type Settings } from '../provider-settings.ts'

export const provider = command({
  name: 'provider',
  summary: 'List where machines can run, or set one up',
  arguments: '<list | setup <name>>',
  options: settingOptions,
  notes: 'setup without options looks whether the provider answers. With options it writes <home>/providers/<name>.yaml and restarts the server of this home, so that they count; machines and agents go on.',
  examples: ['berth provider list', 'berth provider setup docker', 'berth provider setup docker --socket /run/user/1000/docker.sock', 'berth provider setup local --host-port 5432 --allow 10.0.0.5:443', 'berth provider setup hetzner --token-file ~/.hetzner-token --location nbg1'],
  parse({ values, positionals }) {
    const [action = 'list', name, ...more] = positionals
    if (more.length > 0) throw new BerthError('bad_request', `one provider at a time; "${more[0]}" is too much`, { hint: 'see `berth provider --help`' })
    if (action === 'list' && name === undefined) return { name: null, settings: {} }
    if (action === 'setup' && name) return { name, settings: settingsFrom(name, values) }
    throw new BerthError('bad_request', action === 'setup' ? 'set up which provider?' : `a provider cannot "${action}"`, { hint: 'berth provider list, berth provider setup <name>' })
  },
  run: (context, { name, settings }) => (name === null ? list(context) : setup(context, { name, settings })),
})

async function list({ connect, io, json, signal }: Context): Promise<void> {
  const { client } = await connect()
  const providers = await client.listProviders(undefined, signal)
  if (json) return io.out(JSON.stringify(providers))
  const rows = providers.map((found) => [io.style.bold(found.name), found.status === 'ready' ? `${io.style.green('✓')} ready` : io.style.dim('○ unavailable'), found.default ? 'default' : '', found.isolation, cleanLine(found.detail, 100)])
  const [header = '', ...lines] = table([['NAME', 'STATUS', 'DEFAULT', 'ISOLATION', 'DETAIL'], ...rows], io.columns)
  io.out(io.style.dim(header))
  for (const line of lines) io.out(line)
  for (const found of providers) if (found.hint) io.note(hang(`${io.noteStyle.dim(`${found.name}:`)} `, io.noteStyle.dim(cleanLine(found.hint)), io.noteColumns))
}

/** Writes what was given, then looks whether the provider answers, and says what is missing. */
async function setup(context: Context, { name, settings }: { name: string; settings: Settings }): Promise<void> {
  const { io, json, home, signal, exitWith } = context
  const path = Object.keys(settings).length === 0 ? null : await writeAndRestart(context, { name, settings })
  const { client } = await context.connect()
  const providers = await client.listProviders(undefined, signal)
  const found = providers.find((candidate) => candidate.name === name)
  if (!found) throw new BerthError('provider_unknown', `there is no provider "${name}"`, { hint: `there are ${providers.map((known) => known.name).join(', ')}` })
  if (json) io.out(JSON.stringify({ ...found, settings: path }))
  if (found.status === 'unavailable') {
    if (json) return exitWith(5)
    throw new BerthError('provider_unavailable', `${name}: ${found.detail}`, found.hint ? { hint: found.hint } : {})
  }
  if (json) return
  if (path !== null) io.out(`${io.style.green('✓')} wrote ${path.replace(home, '<home>')}`)
  io.out(`${io.style.green('✓')} ${name} is ready: ${cleanLine(found.detail)}. ${found.default ? 'It is the default.' : `Use it with \`berth up --provider ${name}\`.`}`)
}

async function writeAndRestart(context: Context, { name, settings }: { name: string; settings: Settings }): Promise<string> {
  const { remoteEndpoint } = await import('../server-process/connect.ts')
  if (await remoteEndpoint(context)) throw new BerthError('unsupported', 'the server is not of this home', { hint: 'set its providers up on its own host, or unset BERTH_URL and BERTH_CONTEXT' })
  const path = await writeSettings(context.home, { name, settings })
  const { stopServer } = await import('../server-process/stop.ts')
  await stopServer(context.home)
  return path
}
