import { BerthError } from '@berth/wire/error'
import { createRunDecoder, encodeRunCommand, RUN_STREAM_PATH } from '@berth/wire/run-frames'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { onAbort } from '../on-abort.ts'

export const run = command({
  name: 'run',
  summary: "Run a command in a workspace, as the agent's user",
  arguments: '<workspace> -- <command…>',
  options: { start: { type: 'boolean', help: 'start the workspace first when it is stopped' } },
  notes: 'Its output and its exit code are yours, and it reads what you pipe in. For a terminal: `berth attach` or `berth ssh`.',
  examples: ['berth run demo -- npm test', "berth run demo -- sh -c 'git status | head'", 'berth run demo -- tar c src > src.tar'],
  restIsTheirs: true,
  parse({ values, positionals }) {
    const [word, ...rest] = positionals
    const argv = rest[0] === '--' ? rest.slice(1) : rest
    if (word === undefined || argv.length === 0) throw new BerthError('bad_request', word === undefined ? 'which workspace?' : 'which command?', { hint: 'berth run <workspace> -- <command>' })
    return { word, argv, start: values.start === true }
  },
  run: async (context, { word, argv, start }) => {
    const connection = await context.connect()
    const { readyWorkspace } = await import('../ssh/ready.ts')
    const { id } = await readyWorkspace(context, connection, { word, start, verb: 'run' })
    const code = await runThere(context, { endpoint: connection.endpoint, id, argv })
    context.exitWith(code)
  },
})

async function runThere({ signal }: Context, { endpoint, id, argv }: { endpoint: Awaited<ReturnType<Context['connect']>>['endpoint']; id: Parameters<typeof RUN_STREAM_PATH>[0]; argv: readonly string[] }): Promise<number> {
  const [{ reach }, { whenLinked }] = await Promise.all([import('../ssh/reach-socket.ts'), import('../ssh/ready.ts')])
  const decode = createRunDecoder()
  let code: number | null = null
  const write = (to: NodeJS.WriteStream, bytes: Uint8Array) => new Promise<void>((resolve) => { to.write(bytes, () => resolve()) })
  const { pipe, ended } = await whenLinked(signal, () => reach(endpoint, RUN_STREAM_PATH(id), {
    async write(bytes) {
      for (const frame of decode(bytes)) {
        if (frame.kind === 'exit') code = frame.code
        else await write(frame.kind === 'out' ? process.stdout : process.stderr, frame.bytes)
      }
    },
    end: async () => { pipe.close(1000, 'it ended') },
  }, signal))
  const listenNoMore = onAbort(signal, () => pipe.close(1000, 'interrupted'))
  input(pipe, argv).catch(() => {})
  const { reason } = await ended
  listenNoMore()
  if (code !== null) return code
  if (signal.aborted) throw new BerthError('cancelled', 'interrupted; the command was ended')
  throw new BerthError('daemon_unreachable', `the command was not run to its end: ${reason || 'the connection was lost'}`, { hint: 'if this machine\'s daemon is older than the server, stop and start the workspace' })
}

/** What is piped in; a person at a terminal types nothing to it. */
async function input(pipe: { send(bytes: Uint8Array): Promise<void>; end(): void }, argv: readonly string[]): Promise<void> {
  await pipe.send(encodeRunCommand({ argv }))
  if (!process.stdin.isTTY) for await (const chunk of Bun.stdin.stream()) await pipe.send(chunk)
  pipe.end()
}
