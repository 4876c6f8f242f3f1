import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import { SERVER_LOG_FILE } from '@berth/wire/server-file'
import { clean } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { remoteEndpoint } from '../server-process/connect.ts'
import { findServer, readToken } from '../server-process/find.ts'
import { stopServer } from '../server-process/stop.ts'
import { bytes, duration } from '../words.ts'

type Action = 'status' | 'start' | 'stop' | 'logs' | 'release-reaper'
const ACTIONS: Record<Action, (context: Context) => Promise<void>> = {
  status,
  async start(context) {
    await context.connect()
    await status(context)
  },
  stop,
  logs,
  async 'release-reaper'(context) {
    const { client } = await context.connect()
    const result = await client.releaseReaper({}, context.signal)
    context.io.out(context.json ? JSON.stringify(result) : result.released ? 'The reaper may act again.' : 'The reaper was not held.')
  },
}

export const server = command({
  name: 'server',
  summary: 'Look at the server, stop it, read its log',
  arguments: `<${Object.keys(ACTIONS).join('|')}>`,
  notes: 'stop ends the server and its database; machines and agents go on.',
  examples: ['berth server status', 'berth server stop', 'berth server logs'],
  parse({ positionals }) {
    atMost(1, positionals, 'server')
    const action = Object.keys(ACTIONS).find((name): name is Action => name === (positionals[0] ?? 'status'))
    if (!action) throw new BerthError('bad_request', `the server cannot "${positionals[0]}"`, { hint: `one of ${Object.keys(ACTIONS).join(', ')}` })
    return { action }
  },
  run: (context, { action }) => ACTIONS[action](context),
})

/** Looks without starting one. */
async function status(context: Context): Promise<void> {
  const { io, json, home, signal } = context
  const remote = await remoteEndpoint(context)
  const found = remote ? null : await findServer(home)
  if (found && found.kind !== 'running') {
    io.out(json ? JSON.stringify({ running: false, home }) : found.kind === 'silent' ? `A server (pid ${found.file.pid}) is there but does not answer.` : 'No server runs; any command that needs one starts it.')
    return context.exitWith(found.kind === 'silent' ? 5 : 0)
  }
  const endpoint = remote ?? { url: found?.kind === 'running' ? found.file.url : '', token: await readToken(home) }
  const info = await createClient(endpoint).server(undefined, signal)
  if (json) return io.out(JSON.stringify({ running: true, ...info }))
  const facts: [string, string][] = [
    ['version', info.version], ['url', info.url], ['process', String(info.pid)], ['up for', duration(Math.max(1000, Date.now() - info.startedAt))], ['home', info.home], ['database', info.database],
    ['workspaces', String(info.workspaces)], ['daemons', `${info.daemons} connected`], ['viewers', String(info.viewers)], ['memory', bytes(info.memoryBytes)],
    ...(info.reaperHeld === null ? [] : ([['reaper', `held: ${clean(info.reaperHeld)}; \`berth server release-reaper\` lets it act`]] as [string, string][])),
  ]
  for (const line of table(facts.map(([name, value]) => [io.style.dim(name), value]))) io.out(line)
}

async function stop({ io, json, home, env }: Context): Promise<void> {
  if (await remoteEndpoint({ env, home })) throw new BerthError('unsupported', 'the server is not of this home', { hint: 'stop it on its own host, or unset BERTH_URL and BERTH_CONTEXT' })
  const result = await stopServer(home)
  io.out(json ? JSON.stringify(result) : result.stopped ? 'Stopped. Machines go on.' : 'No server was running.')
}

const LOG_TAIL_LINES = 200

async function logs({ io, json, home }: Context): Promise<void> {
  const path = join(home, SERVER_LOG_FILE)
  const text = await readFile(path, 'utf8').catch(() => '')
  const tail = clean(text).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
  if (json) return io.out(JSON.stringify({ path, text: tail }))
  if (tail === '') return io.note(`nothing in ${path}`)
  io.out(tail)
  io.note(io.noteStyle.dim(path))
}
