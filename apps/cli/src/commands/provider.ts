import { BerthError } from '@berth/wire/error'
import { perHour } from '@berth/wire/money'
import { cleanLine } from '../clean.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { hang, table } from '../io.ts'
import { ago, bytes, plural } from '../words.ts'
import { prepareSettings, settingOptions, settingsFrom, writeSettings, type Settings } from '../provider-settings/index.ts'

export const provider = command({
  name: 'provider',
  summary: 'List where machines can run, set one up, look at it closely, or make it the default',
  arguments: '<list | setup <name> | check <name> | default <name | auto>>',
  options: settingOptions,
  notes: 'setup without options looks whether the provider answers. With options it writes <home>/providers/<name>.yaml and restarts the server of this home, so that they count; machines and agents go on.\ncheck looks at credentials, what else they reach, quota and prices; the server keeps what it found. default is kept by the server too, before `provider` in config.yaml; auto means the first that is ready.',
  examples: ['berth provider list', 'berth provider setup docker', 'berth provider setup docker --socket /run/user/1000/docker.sock', 'berth provider setup local --host-port 5432 --allow 10.0.0.5:443', 'berth provider setup hetzner --token-file ~/.hetzner-token --location nbg1', 'berth provider setup ssh --host root@vps.example --identity ~/.ssh/id_ed25519', 'berth provider setup exec --command /opt/machines --isolation vm', 'berth provider check hetzner', 'berth provider default hetzner'],
  parse({ values, positionals }) {
    const [action = 'list', name, ...more] = positionals
    if (more.length > 0) throw new BerthError('bad_request', `one provider at a time; "${more[0]}" is too much`, { hint: 'see `berth provider --help`' })
    if (action === 'list' && name === undefined) return { action, name: '', settings: {} } as const
    if (action !== 'setup' && action !== 'check' && action !== 'default') throw new BerthError('bad_request', `a provider cannot "${action}"`, { hint: 'berth provider list, setup, check or default' })
    if (name === undefined || name === '') throw new BerthError('bad_request', 'which provider?', { hint: `berth provider ${action} <name>; see \`berth provider list\`` })
    const settings = action === 'setup' ? settingsFrom(name, values) : {}
    return { action, name, settings } as const
  },
  run(context, { action, name, settings }) {
    switch (action) {
      case 'list': return list(context)
      case 'setup': return setup(context, { name, settings })
      case 'check': return check(context, name)
      case 'default': return makeDefault(context, name)
    }
  },
})

async function list({ connect, io, json, signal }: Context): Promise<void> {
  const { client } = await connect()
  const providers = await client.listProviders(undefined, signal)
  if (json) return io.out(JSON.stringify(providers))
  const rows = providers.map((found) => [io.style.bold(found.name), found.status === 'ready' ? `${io.style.green('✓')} ready` : io.style.dim('○ unavailable'), found.default ? 'default' : '', found.isolation, cleanLine(found.detail, 100)])
  const [header = '', ...lines] = table([['NAME', 'STATUS', 'DEFAULT', 'ISOLATION', 'DETAIL'], ...rows], io.columns)
  io.out(io.style.dim(header))
  for (const line of lines) io.out(line)
  for (const { name, checked } of providers) if (checked) io.note(io.noteStyle.dim(`${name}: checked ${ago(checked.at, Date.now())}, ${checked.ok ? plural(checked.warnings, 'warning') : 'and something is wrong'}; berth provider check ${name}`))
  for (const found of providers) if (found.hint) io.note(hang(`${io.noteStyle.dim(`${found.name}:`)} `, io.noteStyle.dim(cleanLine(found.hint)), io.noteColumns))
}

/** Writes what was given, then looks whether the provider answers, and says what is missing. */
async function setup(context: Context, { name, settings }: { name: string; settings: Settings }): Promise<void> {
  const { io, json, signal, exitWith } = context
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
  if (path !== null) io.out(`${io.style.green('✓')} wrote ${path}`)
  io.out(`${io.style.green('✓')} ${name} is ready: ${cleanLine(found.detail)}. ${found.default ? 'It is the default.' : `Use it with \`berth up --provider ${name}\`.`}`)
}

async function writeAndRestart(context: Context, { name, settings }: { name: string; settings: Settings }): Promise<string> {
  const { remoteEndpoint } = await import('../server-process/connect.ts')
  if (await remoteEndpoint(context)) throw new BerthError('unsupported', 'the server is not of this home', { hint: 'set its providers up on its own host, or unset BERTH_URL and BERTH_CONTEXT' })
  const path = await writeSettings(context.home, { name, settings: await prepareSettings(context, { name, settings }) })
  const { stopServer } = await import('../server-process/stop.ts')
  await stopServer(context.home)
  return path
}

const MARK = { ok: '✓', warning: '⚠', error: '✗' } as const
const LIVE = { own: 'machines of your own', verified: 'verified against the live vendor', unverified: 'never run against the live vendor, only against a simulator of what it publishes' } as const

async function check({ connect, io, json, signal, exitWith }: Context, name: string): Promise<void> {
  const { client } = await connect()
  const report = await client.checkProvider({ name }, signal)
  if (json) io.out(JSON.stringify(report))
  else {
    const { green, yellow, red } = io.style
    const paint = { ok: green, warning: yellow, error: red } as const
    for (const { level, message, hint } of report.findings) {
      io.out(hang(`${paint[level](MARK[level])} `, cleanLine(message, 400), io.columns))
      if (hint !== null) io.out(hang('  ', io.style.dim(cleanLine(hint, 300)), io.columns))
    }
    io.out(`  ${LIVE[report.live]}`)
    const rows = report.prices.map(({ memoryBytes, cpus, currency, runningMicrosPerHour, stoppedMicrosPerHour, note }) => [`${bytes(memoryBytes)}, ${cpus} cpus`, perHour({ microsPerHour: runningMicrosPerHour, currency }), perHour({ microsPerHour: stoppedMicrosPerHour, currency }), cleanLine(note, 120)])
    for (const line of table([['SIZE', 'RUNNING', 'STOPPED', ''], ...rows], io.columns)) io.out(line)
  }
  if (!report.ok) exitWith(5)
}

async function makeDefault({ connect, io, json, signal }: Context, word: string): Promise<void> {
  const { client } = await connect()
  const { name } = await client.setDefaultProvider({ name: word === 'auto' ? null : word }, signal)
  if (json) return io.out(JSON.stringify({ default: name }))
  io.out(name === null ? 'Workspaces go to the first provider that is ready.' : `Workspaces go to ${name} when nobody names another.`)
}
