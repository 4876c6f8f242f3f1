/** The tree of a workspace for people who look. Its daemon reads and writes; here is only who may ask, and for how long. */
import { BerthError, ERROR_CODES } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { DaemonMethod, DaemonParams, DaemonResult } from '@berth/wire/daemon'
import { READ_LIMIT_BYTES, UPLOAD_LIMIT_BYTES, UploadReply } from '@berth/wire/files-methods'
import { refuseDeclared, tooLarge } from '../http/body.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

const CALL_WITHIN_MS = 15_000
const UPLOAD_WITHIN_MS = 5 * 60_000
const REPLY_LIMIT_BYTES = 16 * 1024
/** Of the newest events about ports: more than are open at once. */
const PORT_EVENTS = 500

async function ask<M extends DaemonMethod>(deps: ServiceDeps, id: WorkspaceId, method: M, params: DaemonParams<M>): Promise<DaemonResult<M>> {
  requireCan(deps, await requireRecord(deps, id), 'attach')
  return deps.daemons.call(id, method, params, { withinMs: CALL_WITHIN_MS })
}

export const listFiles = (deps: ServiceDeps, { id, dir, query, limit }: { id: WorkspaceId; dir: string; query?: string | undefined; limit: number }) => ask(deps, id, 'files.list', { dir, query: query ?? null, limit })
export const readFile = (deps: ServiceDeps, { id, path }: { id: WorkspaceId; path: string }) => ask(deps, id, 'files.read', { path, limitBytes: READ_LIMIT_BYTES })
export const writeFile = (deps: ServiceDeps, { id, ...file }: { id: WorkspaceId } & DaemonParams<'files.write'>) => ask(deps, id, 'files.write', file)
export const listCommands = (deps: ServiceDeps, id: WorkspaceId) => ask(deps, id, 'agent.commands', {})
export const terminalSnapshot = (deps: ServiceDeps, { id, terminalId }: { id: WorkspaceId; terminalId: string }) => ask(deps, id, 'terminal.snapshot', { terminalId })

/** What the last report of the machine says; since when, the events. */
export async function listPorts(deps: ServiceDeps, id: WorkspaceId): Promise<{ port: number; process: string | null; since: number; url: string | null }[]> {
  const { workspace } = await requireRecord(deps, id)
  const { activity } = workspace
  if (activity === null || !deps.daemons.connected(id)) return []
  const opened = new Map<number, { process: string | null; since: number }>()
  for (const { at, body } of await deps.store.events.ofTypes(id, ['port'], { after: 0, limit: PORT_EVENTS, newest: true })) {
    if (body['state'] === 'open' && typeof body['port'] === 'number') opened.set(body['port'], { process: typeof body['process'] === 'string' ? body['process'] : null, since: at })
  }
  return activity.ports.map((port) => ({ port, process: opened.get(port)?.process ?? null, since: opened.get(port)?.since ?? activity.at, url: null }))
}

/** The bytes go on to the machine as they come; nothing of them is kept here. */
export async function upload(deps: ServiceDeps, id: WorkspaceId, request: Request): Promise<Response> {
  if (request.method !== 'PUT') throw new BerthError('bad_request', 'a file is put', { hint: 'use PUT with ?name=' })
  requireCan(deps, await requireRecord(deps, id), 'attach')
  refuseDeclared(request, UPLOAD_LIMIT_BYTES)
  const name = (new URL(request.url).searchParams.get('name') ?? 'file').slice(-200) || 'file'
  const stream = await deps.daemons.openStream(id, { service: 'upload', name }, AbortSignal.any([request.signal, AbortSignal.timeout(UPLOAD_WITHIN_MS)]))
  // Read from the start: a machine that refuses says why while we still write.
  const reply = replyOf(stream.readable)
  reply.catch(() => {})
  try {
    await send(request, stream.writable)
  } catch (cause) {
    stream.abort('the upload ended early')
    if (cause instanceof BerthError) throw cause
    return Response.json(await refusedBy(reply, cause))
  }
  return Response.json(await refusedBy(reply, null))
}

async function send(request: Request, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter()
  let size = 0
  if (request.body !== null) for await (const chunk of request.body) {
    size += chunk.length
    if (size > UPLOAD_LIMIT_BYTES) throw tooLarge(UPLOAD_LIMIT_BYTES)
    await writer.write(chunk)
  }
  await writer.close()
}

async function refusedBy(reply: Promise<{ path: string }>, cause: unknown): Promise<{ path: string }> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof BerthError) throw error
    throw new BerthError('daemon_unreachable', 'the machine did not take the file', { hint: 'if its daemon is older than this server, stop and start the workspace', cause: cause ?? error })
  }
}

async function replyOf(readable: ReadableStream<Uint8Array>): Promise<{ path: string }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of readable) {
    size += chunk.length
    if (size > REPLY_LIMIT_BYTES) break
    chunks.push(chunk)
  }
  const reply = UploadReply.parse(JSON.parse(new TextDecoder().decode(Buffer.concat(chunks))))
  if ('path' in reply) return reply
  throw new BerthError(ERROR_CODES.find((code) => code === reply.error.code) ?? 'internal', reply.error.message)
}
