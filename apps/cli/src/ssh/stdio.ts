/**
 * `berth ssh --stdio <workspace>`: what OpenSSH runs instead of opening a connection itself. Standard input and output are
 * the network; nothing else may be written to them. It is started for each connection, so it asks nobody what it can read.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { SSH_STREAM_PATH } from '@berth/wire/reach-paths'
import type { PipeSink } from '@berth/wire/reach-pipe'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import type { Connection, Context } from '../context.ts'
import { onAbort } from '../on-abort.ts'
import { disconnect } from './disconnect.ts'
import { pinned, readHosts, serverKey, writeHosts } from './hosts.ts'
import { reach, type Reached } from './reach-socket.ts'
import { publicKeyOf, sshHome } from './ssh-home.ts'

/** For a client that stays although it was told to go. */
const GOODBYE_MS = 2000

type Address = Connection['endpoint']

export async function bridgeStdio(context: Context, { word, start }: { word: string; start: boolean }): Promise<void> {
  const known = await readHosts(context)
  const output = Bun.stdout.writer({ highWaterMark: 64 * 1024 })
  let spoken = false
  const sink = {
    async write(bytes: Uint8Array) {
      spoken = true
      void output.write(bytes)
      await output.flush()
    },
    end: async () => { await output.end() },
  }
  const key = Buffer.from(await publicKeyOf(sshHome(context.home))).toString('base64url')
  const open = (endpoint: Address, id: WorkspaceId): Promise<Reached> => reach(endpoint, SSH_STREAM_PATH(id, key), sink, context.signal)
  const { pipe, ended } = await connected(context, { known: known[word]?.hostKey ? word : null, word, start }, open).catch(async (error: unknown) => {
    if (error instanceof BerthError) await refuse(sink, `${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
    throw error
  })
  onAbort(context.signal, () => pipe.close(1000, 'interrupted'))
  const pumped = pump(pipe).catch(() => {})
  const { code, reason } = await ended
  if (code === 1000) return
  // A machine without an sshd says so before the first byte.
  if (!spoken) await sink.write(disconnect(reason)).then(() => Promise.race([pumped, Bun.sleep(GOODBYE_MS)]))
  throw new BerthError('daemon_unreachable', `the connection was lost: ${reason || `code ${code}`}`, { hint: 'connect again once `berth list` shows it running' })
}

/** ssh goes away by closing its end, and so do we. */
async function pump(pipe: Reached['pipe']): Promise<void> {
  // What comes after the end is thrown away.
  for await (const chunk of Bun.stdin.stream()) await pipe.send(chunk).catch(() => {})
  pipe.end()
}

/** ssh goes when it has read it. Were we gone before, it would only see that its own words go nowhere. */
async function refuse(sink: PipeSink, words: string): Promise<void> {
  await sink.write(disconnect(words))
  const leaving = (async () => {
    for await (const _ of Bun.stdin.stream()) continue
  })()
  await Promise.race([leaving.catch(() => {}), Bun.sleep(GOODBYE_MS)])
}

interface Wanted { readonly known: string | null; readonly word: string; readonly start: boolean }

/** A machine whose key is known is reached at once; what cannot be reached that way is looked into. */
async function connected(context: Context, wanted: Wanted, open: (endpoint: Address, id: WorkspaceId) => Promise<Reached>): Promise<Reached> {
  const near = wanted.known === null ? null : await addressAtHand(context)
  if (near !== null && wanted.known !== null) {
    // Its id stands in our own file, from a workspace's record.
    const reached = await open(near, wanted.known as WorkspaceId).catch(() => null)
    if (reached !== null) return reached
  }
  const connection = await context.connect()
  const { readyWorkspace, whenLinked } = await import('./ready.ts')
  const workspace = await readyWorkspace(context, connection, { ...wanted, verb: 'ssh' })
  return whenLinked(context.signal, async () => {
    const access = await connection.client.sshAccess({ id: workspace.id }, context.signal)
    await writeHosts(context, pinned(await readHosts(context), { ...workspace, server: serverKey(context, connection) }, access))
    return open(connection.endpoint, workspace.id)
  })
}

/** Where the server was when it last said so; not asked whether it still is. */
async function addressAtHand({ home, env }: Context): Promise<Address | null> {
  if (env['BERTH_URL'] && env['BERTH_TOKEN']) return { url: env['BERTH_URL'].replace(/\/$/, ''), token: env['BERTH_TOKEN'] }
  if (env['BERTH_CONTEXT'] && env['BERTH_CONTEXT'] !== 'local') return null
  try {
    if (await Bun.file(join(home, 'config.yaml')).exists()) return null
    const [file, token] = await Promise.all([readFile(join(home, SERVER_FILE), 'utf8'), readFile(join(home, TOKEN_FILE), 'utf8')])
    // Written by our own server; what is not there is found out by asking.
    const { url } = JSON.parse(file) as { url?: unknown }
    return typeof url === 'string' ? { url, token: token.trim() } : null
  } catch {
    return null
  }
}

