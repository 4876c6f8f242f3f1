/** A workspace reached by the real OpenSSH client: a home for its configuration, and every program started here ended here. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import type { Workspace } from '@berth/wire'
import { startProduct, type CliResult, type Product } from '../product.ts'

export interface Ran { readonly code: number; readonly stdout: string; readonly stderr: string }
export interface SshWorld {
  readonly product: Product
  /** Of the person: `.ssh/config` and what they keep. */
  readonly home: string
  readonly config: string
  readonly workspace: Workspace
  readonly host: string
  berth(args: readonly string[], options?: { exit?: number | null }): Promise<CliResult>
  ssh(...args: string[]): Promise<Ran>
  run(argv: readonly string[], options?: { stdin?: string | Uint8Array; env?: Record<string, string>; cwd?: string }): Promise<Ran>
  /** Goes on beside the test. */
  start(argv: readonly string[]): Subprocess<'ignore', 'pipe', 'pipe'>
  close(): Promise<void>
}

export async function startSshWorld(setUp: (product: Product) => void, up: (product: Product) => Promise<Workspace>): Promise<SshWorld> {
  const product = startProduct()
  const home = mkdtempSync(join(tmpdir(), 'berth-ssh-'))
  const running = new Set<Subprocess>()
  try {
    setUp(product)
    const workspace = await up(product)
    const config = join(home, '.ssh', 'config')
    const env = { ...product.env, HOME: home }
    const berth: SshWorld['berth'] = (args, options = {}) => product.cli(args, { ...options, env: { HOME: home } })
    await berth(['ssh-config'])
    const run: SshWorld['run'] = async (argv, options = {}) => {
      const child = Bun.spawn([...argv], { cwd: options.cwd ?? home, env: { ...env, ...options.env }, stdin: options.stdin === undefined ? 'ignore' : new Blob([options.stdin as string]), stdout: 'pipe', stderr: 'pipe' })
      running.add(child)
      const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
      running.delete(child)
      return { code, stdout, stderr }
    }
    return {
      product, home, config, workspace, berth, run,
      host: `berth-${workspace.name}`,
      ssh: (...args) => run(['ssh', '-F', config, `berth-${workspace.name}`, ...args]),
      start(argv) {
        const child = Bun.spawn([...argv], { cwd: home, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
        running.add(child)
        return child
      },
      async close() {
        for (const child of running) child.kill('SIGTERM')
        // The shared connection is a process of ssh's own.
        await run(['ssh', '-F', config, '-O', 'exit', `berth-${workspace.name}`])
        await product.close()
        rmSync(home, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await product.close()
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

/** Says that, says that it is done, and gives what came back until the other end was done. */
export async function exchange(where: { port: number } | { path: string }, bytes: Uint8Array | string): Promise<string> {
  const socket = createConnection({ ...('port' in where ? { host: '127.0.0.1', ...where } : where), allowHalfOpen: true })
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => {
      socket.destroy()
      resolve(Buffer.concat(chunks).toString())
    })
    socket.on('connect', () => socket.end(bytes))
  })
}

/**
 * A server as editors leave behind: it answers each connection with how much it was told, on a port that it chooses and
 * on a socket, and says the port.
 */
export const COUNTING_SERVER = `
import os, socket, sys, threading
def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()
def answer(connection):
    total = 0
    while True:
        piece = connection.recv(65536)
        if not piece: break
        total += len(piece)
    connection.sendall(b'counted %d' % total)
    connection.close()
tcp = socket.create_server(('127.0.0.1', int(sys.argv[2]) if len(sys.argv) > 2 else 0))
unix = socket.socket(socket.AF_UNIX)
if os.path.exists(sys.argv[1]): os.unlink(sys.argv[1])
unix.bind(sys.argv[1])
unix.listen()
print('listeningOn=%d' % tcp.getsockname()[1], flush=True)
threading.Thread(target=serve, args=(unix,), daemon=True).start()
serve(tcp)
`
