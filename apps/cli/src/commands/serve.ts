/** The server's own verbs: the CLI links no server, so it runs them as a child of the same program. */
import { BerthError } from '@berth/wire/error'
import { command, none, one } from '../command.ts'
import type { Context } from '../context.ts'
import { onAbort } from '../on-abort.ts'
import { showPublicLink } from '../phone-link.ts'
import { selfServer } from '../self.ts'
import { serverEnvironment } from '../server-process/environment.ts'
import { lastWords } from '../server-process/last-words.ts'

/** Words that the server reads itself. */
const PASSED_ON = ['public', 'preview-base', 'preview-port', 'acme', 'acme-directory', 'dns', 'dns-command', 'tls-cert', 'tls-key', 'https-port', 'http-port', 'log-format'] as const

export const serve = command({
  name: 'serve',
  summary: 'Run the server in the foreground',
  options: {
    listen: { type: 'string', value: 'address', help: 'address to listen on (default 127.0.0.1)' },
    port: { type: 'string', value: 'port', help: 'port (default: the one of the last time, at first 7420 or the next free one)' },
    'preview-base': { type: 'string', value: 'domain', help: 'previews live below it instead of localhost; it needs a wildcard DNS record' },
    'preview-port': { type: 'string', value: 'port', help: 'port of the previews (default: the one of the last time, at first 7480 or the next free one)' },
    public: { type: 'string', value: 'url', help: 'where a tunnel or proxy of yours makes it reachable, or its own https does' },
    acme: { type: 'string', value: 'email', help: 'own https: certificates by ACME, whose terms you accept with it' },
    'acme-directory': { type: 'string', value: 'which', help: 'letsencrypt (default), letsencrypt-staging, or the address of another' },
    dns: { type: 'string', value: 'cloudflare', help: 'who writes the records for the wildcard of previews; its token is in CLOUDFLARE_API_TOKEN' },
    'dns-command': { type: 'string', value: 'command', help: 'a command that does instead: `command add|remove <name> <value>`' },
    'tls-cert': { type: 'string', value: 'file', help: 'own https: a certificate with its chain, read again when it changes' },
    'tls-key': { type: 'string', value: 'file', help: 'its key' },
    'https-port': { type: 'string', value: 'port', help: 'port of the own https (default 443)' },
    'log-format': { type: 'string', value: 'text|json', help: 'json: one object a line (or BERTH_LOG_FORMAT)' },
    'http-port': { type: 'string', value: 'port', help: 'plain http that leads there (default 80, or off)' },
  },
  notes: 'The CLI starts one in the background by itself; this is for services and for other addresses.\nDATABASE_URL names a PostgreSQL to use instead of the built-in one.',
  examples: ['berth serve', 'berth serve --port 8080', 'berth serve --public https://berth.example.org', 'berth serve --public https://berth.example.org --preview-base preview.example.net', 'berth serve --public https://berth.example.org --acme you@example.org'],
  parse({ values, positionals }) {
    none(positionals, 'serve')
    const { listen, port } = values
    const args = [...(listen === undefined ? [] : ['--listen', listen]), ...(port === undefined ? [] : ['--port', port]), ...PASSED_ON.flatMap((name) => { const value = values[name]; return value === undefined ? [] : [`--${name}`, value] })]
    return { args, isPublic: values.public !== undefined }
  },
  async run(context, { args, isPublic }) {
    const child = startRole(context, ['serve', ...args], 'inherit')
    const over = new AbortController()
    // Into a log it does not go: whoever reads the link is signed in by it.
    const shown = isPublic && context.io.redraw !== null ? showPublicLink(context, child.pid, AbortSignal.any([context.signal, over.signal])) : Promise.resolve()
    const code = await ended(context, child)
    over.abort()
    await shown
    context.exitWith(code)
  },
})

export const keys = command({
  name: 'keys',
  summary: 'Change the master key: all that is sealed is sealed anew',
  arguments: 'rotate',
  notes: 'Stop the server first. Broken off, it goes on where it ended when it is run again; until then the server opens both. With BERTH_MASTER_KEY_COMMAND the command prints the new key first and the older ones after it, one a line.',
  examples: ['berth keys rotate'],
  parse({ positionals }) {
    if (one(positionals, 'word', 'keys') !== 'rotate') throw new BerthError('bad_request', `keys has no "${positionals[0]}"`, { hint: 'berth keys rotate' })
    return {}
  },
  run: (context) => runServerWord(context, ['rotate-keys', ...(context.json ? ['--json'] : [])]),
})

/** A word that ends: what it refuses is said as any other verb says it. */
export async function runServerWord(context: Context, words: readonly string[]): Promise<void> {
  const child = startRole(context, words, 'pipe')
  const said = new Response(child.stderr).text()
  const code = await ended(context, child)
  const text = await said
  if (code === 0) return text === '' ? undefined : context.io.note(text.trimEnd())
  throw lastWords(text) ?? new BerthError('internal', text.trim() || `${words[0]} ended with code ${code}`, { hint: 'see `berth server logs` and `berth doctor`' })
}

function startRole<Stderr extends 'inherit' | 'pipe'>(context: Context, words: readonly string[], stderr: Stderr) {
  return Bun.spawn(selfServer(words), { cwd: context.cwd, env: serverEnvironment(context.home, process.env), stdin: 'inherit', stdout: 'inherit', stderr })
}

async function ended(context: Context, child: Pick<Bun.Subprocess, 'kill' | 'exited'>): Promise<number> {
  // On a terminal Ctrl-C reaches both; a signal sent to us alone must reach the server too. It may come twice.
  const pass = (): void => child.kill('SIGTERM')
  const listenNoMore = onAbort(context.signal, pass)
  try {
    return await child.exited
  } finally {
    listenNoMore()
  }
}
