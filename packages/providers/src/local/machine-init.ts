/**
 * First program of ours inside the sandbox: opens the machine's own loopback proxy port towards the egress socket,
 * runs the daemon, and ends it when the host side lets go of our stdin. When this exits, the PID namespace goes, and
 * every process of the workspace with it.
 *
 * This file is copied into the machine with what it imports, and runs on its own.
 */
import { forward } from './forward.ts'
import { withoutPlainBun } from './plain-bun.ts'

async function main([socketPath = '', port = '', cwd = '/', ...command]: string[]): Promise<number> {
  forward({ host: '127.0.0.1', port: Number(port) }, { path: socketPath })
  const daemon = Bun.spawn(command, { cwd, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', env: withoutPlainBun(process.env) })
  const end = (): void => daemon.kill('SIGTERM')
  process.on('SIGTERM', end)
  process.stdin.on('end', end).on('error', end).resume()
  const code = await daemon.exited
  return daemon.signalCode === null ? code : 128
}

main(process.argv.slice(2)).then((code) => process.exit(code), (cause: unknown) => {
  process.stderr.write(`machine-init: ${String(cause)}\n`)
  process.exit(70)
})
