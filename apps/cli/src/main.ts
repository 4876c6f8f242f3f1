/** `berth`: finds the verb, loads that one file, runs it, and turns what it throws into words and an exit code. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { BerthError, exitCode } from '@berth/wire/error'
import { VERSION } from '@berth/wire/version'
import { verbs } from './commands/index.ts'
import type { Command } from './command.ts'
import type { Connection, Context } from './context.ts'
import { createIo, hang, type Io } from './io.ts'

/** Bash's word for "ended by Ctrl-C". */
const INTERRUPTED = 130

export async function main(argv: readonly string[]): Promise<number> {
  const [word = 'help', ...rest] = argv
  if (isVersion(word)) {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const io = createIo()
  // Before anything is parsed, so that a wrong argument is answered in the form that was asked for.
  const json = argv.includes('--json')
  try {
    if (word === 'help' || word === '--help' || word === '-h') return await help(io, rest[0])
    const verb = await load(word)
    const prepared = verb.prepare(rest)
    if (prepared.help) return await help(io, word)
    return await run(io, prepared)
  } catch (error) {
    return report(io, { error, json })
  }
}

const isVersion = (word: string | undefined): boolean => word === '--version' || word === '-v'

async function run(io: Io, prepared: ReturnType<Command['prepare']>): Promise<number> {
  const stop = new AbortController()
  let code = 0
  const interrupt = (): void => {
    // The second Ctrl-C does not wait for anybody.
    if (stop.signal.aborted) process.exit(INTERRUPTED)
    stop.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  let connection: Promise<Connection> | null = null
  const context: Context = {
    io,
    json: prepared.json,
    home: resolve(process.env['BERTH_HOME'] || resolve(homedir(), '.berth')),
    cwd: process.cwd(),
    env: process.env,
    signal: stop.signal,
    connect: () => (connection ??= import('./server-process/connect.ts').then(({ connect }) => connect(context))),
    exitWith: (wanted) => { code = wanted },
  }
  try {
    await prepared.run(context)
    return code
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED
    return report(io, { error, json: prepared.json })
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function load(word: string): Promise<Command> {
  const verb = verbs[word]
  if (verb) return verb()
  if (word.startsWith('-')) throw new BerthError('bad_request', `"${word}" stands before the command`, { hint: `berth <command> ${word}; \`berth help\` lists the commands` })
  const near = Object.keys(verbs).filter((name) => name.startsWith(word.slice(0, 2)))
  throw new BerthError('bad_request', `there is no command "${word}"`, { hint: near.length > 0 ? `did you mean ${near.join(' or ')}? \`berth help\` lists them all` : '`berth help` lists them all' })
}

async function help(io: Io, word: string | undefined): Promise<number> {
  const { commandHelp, overview } = await import('./help.ts')
  io.out(word === undefined ? await overview(io) : commandHelp(io, await load(word)))
  return 0
}

const REPORT = 'this is a mistake in Berth; please report it with the lines above'

/** People read stderr; a program that asked for JSON gets one value on stdout whichever way it went. */
async function report(io: Io, failed: { error: unknown; json: boolean }): Promise<number> {
  const { error, json } = failed
  const { clean } = await import('./clean.ts')
  if (error instanceof BerthError) {
    if (json) io.out(JSON.stringify({ error: error.toBody() }))
    io.note(hang(`${io.noteStyle.red('✗')} `, clean(error.message).trimEnd(), io.noteColumns))
    if (error.hint) io.note(hang('  ', io.noteStyle.dim(clean(error.hint)), io.noteColumns))
    return exitCode(error.code)
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (json) io.out(JSON.stringify({ error: { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: REPORT } }))
  io.note(`${io.noteStyle.red('✗')} ${clean(text)}`)
  io.note(`  ${io.noteStyle.dim(REPORT)}`)
  return 1
}

/** The process: from here when run from source, from its own entry in the compiled binary. */
export async function runProcess(): Promise<void> {
  // The console is there already; the streams below take as long to make as everything else in this answer.
  if (isVersion(process.argv[2])) return console.log(VERSION)
  // A reader that went away (`berth list | head -1`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0) })
  // Nobody reads the progress any more; the work goes on.
  process.stderr.on('error', () => undefined)
  process.exitCode = await main(process.argv.slice(2))
  // Sockets that are kept open for the next request must not keep the shell waiting. A slow reader of a pipe must: only
  // the end of the stream comes after everything that was written to it.
  process.stdout.end(() => process.exit())
}

if (import.meta.main) void runProcess()
