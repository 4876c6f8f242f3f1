/** Listens here; each connection goes over the server to a port on the machine's loopback. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { PORT_STREAM_PATH, SSH_STREAM_PATH } from '@berth/wire/reach-paths'
import { cleanLine } from '../clean.ts'
import type { Connection, Context } from '../context.ts'
import { reach } from './reach-socket.ts'
import { readyWorkspace } from './ready.ts'

interface Port { readonly local: number; readonly remote: number | 'ssh' }
interface Forwarding { readonly context: Context; endpoint(): Promise<Connection['endpoint']>; again(): void; readonly id: WorkspaceId; /** Where the server reaches a port of the machine. */ path(remote: Port['remote']): string }

/** Of one port; the link of a machine carries fewer streams than this in all. */
const CONNECTION_LIMIT = 256
const PORT_LAST = 65_535

export async function forwardPorts(context: Context, { word, start, ports }: { word: string; start: boolean; ports: readonly Port[] }): Promise<void> {
  const { io, json, signal } = context
  const first = await context.connect()
  const workspace = await readyWorkspace(context, first, { word, start, verb: 'forward' })
  const { id, name } = workspace
  const ssh = ports.some(({ remote }) => remote === 'ssh') ? await sshWay(context, first, workspace) : null
  const path = (remote: Port['remote']): string => (remote === 'ssh' ? SSH_STREAM_PATH(id, ssh?.key ?? '') : PORT_STREAM_PATH(id, remote))
  const forwarding = { context, id, path, ...addressOf(context, first) }
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  try {
    const shown: { local: number; remote: Port['remote']; address: string }[] = []
    for (const port of ports) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        void carry(forwarding, port, socket)
      })
      server.maxConnections = CONNECTION_LIMIT
      servers.push(server)
      const local = await listen(server, port)
      shown.push({ local, remote: port.remote, address: `127.0.0.1:${local}` })
    }
    if (json) io.out(JSON.stringify(shown))
    else for (const { address, remote, local } of shown) io.out(remote === 'ssh' ? `${address} is the ssh of ${name}: ${ssh?.command(local)}` : `${address} is ${name}:${remote}`)
    io.note(io.noteStyle.dim('Ctrl-C ends it'))
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  } finally {
    for (const server of servers) server.close()
    for (const socket of sockets) socket.destroy()
  }
}

/** For clients that know host and port only: each connection admits this CLI's key. */
async function sshWay(context: Context, connection: Connection, workspace: Workspace): Promise<{ key: string; command(port: number): string }> {
  const [{ publicKeyOf, sshHome }, { meet }, { shellWord }] = await Promise.all([import('./ssh-home.ts'), import('./run-ssh.ts'), import('./render.ts')])
  const { user } = await meet(context, connection, workspace)
  const at = sshHome(context.home)
  // Nothing of ours speaks for that address, so a person's own configuration would.
  const options = ['-a', '-i', at.key, '-o', 'IdentitiesOnly=yes', '-o', `HostKeyAlias=${workspace.id}`, '-o', `UserKnownHostsFile=${at.knownHosts}`]
  return { key: Buffer.from(await publicKeyOf(at)).toString('base64url'), command: (port) => ['ssh', '-p', String(port), ...options, `${user}@127.0.0.1`].map(shellWord).join(' ') }
}

/** The server may have come back at another address: who was refused asks anew. */
function addressOf(context: Context, first: Connection): Pick<Forwarding, 'endpoint' | 'again'> {
  let current: Promise<Connection> = Promise.resolve(first)
  return {
    endpoint: async () => (await current).endpoint,
    again: () => { current = import('../server-process/connect.ts').then(({ connect }) => connect(context)) },
  }
}

/** Easily kept in mind: 3000 becomes 13000. */
const elsewhere = (port: number): number => (port + 10_000 > PORT_LAST ? port - 10_000 : port + 10_000)

async function listen(server: Server, { local }: Port): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cause.code === 'EADDRINUSE' || cause.code === 'EACCES'
      ? new BerthError('port_taken', `127.0.0.1:${local} cannot be had here`, { hint: `choose another one: ${elsewhere(local)}:<port>, or 0:<port> for any`, cause }) : cause))
    server.listen(local, '127.0.0.1', resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : local
}

async function carry(at: Forwarding, { remote }: Port, socket: Socket): Promise<void> {
  // Its end is seen by the loop below, or by who writes to it.
  socket.on('error', () => socket.destroy())
  const sink = {
    write: (bytes: Uint8Array) => new Promise<void>((resolve, reject) => { socket.write(bytes, (error) => (error ? reject(error) : resolve())) }),
    end: () => new Promise<void>((resolve) => { socket.end(() => resolve()) }),
  }
  try {
    const { pipe, ended } = await open(at, remote, sink)
    socket.once('close', () => pipe.close(1000, 'the client is gone'))
    // Not by iterating: that would end the other half with this one.
    let sending: Promise<void> = Promise.resolve()
    socket.on('data', (chunk: Buffer) => {
      socket.pause()
      sending = pipe.send(chunk).then(() => void socket.resume(), () => void socket.destroy())
    })
    // Told before the last bytes found room, should it come so.
    socket.once('end', () => void sending.then(() => pipe.end()))
    socket.resume()
    const { code, reason } = await ended
    if (code !== 1000) say(at, remote, reason || `code ${code}`)
  } catch (error) {
    say(at, remote, error instanceof Error ? error.message : String(error))
  } finally {
    socket.destroy()
  }
}

async function open(at: Forwarding, remote: Port['remote'], sink: Parameters<typeof reach>[2]): ReturnType<typeof reach> {
  const path = at.path(remote)
  try {
    return await reach(await at.endpoint(), path, sink)
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'server_unreachable') throw error
    at.again()
    return reach(await at.endpoint(), path, sink)
  }
}

function say({ context: { io } }: Forwarding, remote: Port['remote'], what: string): void {
  io.note(`${io.noteStyle.yellow('⚠')} ${remote}: ${cleanLine(what, 200)}`)
}
