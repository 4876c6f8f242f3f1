/**
 * First program of ours inside the sandbox: opens the machine's own loopback proxy port towards the egress socket,
 * runs the daemon, and ends it when the host side lets go of our stdin. When this exits, the PID namespace goes, and
 * every process of the workspace with it.
 *
 * This file is copied into the machine and runs on its own: platform imports only.
 */
import { connect, createServer } from 'node:net'

const CONNECTION_LIMIT = 1024

async function main([socketPath = '', port = '', cwd = '/', ...command]: string[]): Promise<number> {
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ path: socketPath, allowHalfOpen: true })
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream)
    upstream.pipe(client)
  })
  proxy.maxConnections = CONNECTION_LIMIT
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject)
    proxy.listen({ host: '127.0.0.1', port: Number(port) }, resolve)
  })
  const daemon = Bun.spawn(command, { cwd, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', env: childEnvironment() })
  const end = (): void => daemon.kill('SIGTERM')
  process.on('SIGTERM', end)
  process.stdin.on('end', end).on('error', end).resume()
  const code = await daemon.exited
  return daemon.signalCode === null ? code : 128
}

function childEnvironment(): Record<string, string | undefined> {
  const { BUN_BE_BUN: _ours, ...env } = process.env
  return env
}

main(process.argv.slice(2)).then((code) => process.exit(code), (cause: unknown) => {
  process.stderr.write(`machine-init: ${String(cause)}\n`)
  process.exit(70)
})
