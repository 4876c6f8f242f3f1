/** ssh for the CLI of this home, without a WebSocket (contract: `reach-door.ts` of the wire). */
import { chmodSync, rmSync } from 'node:fs'
import type { ByteStream } from '@berth/core'
import { BerthError, WorkspaceId } from '@berth/wire'
import { DOOR_ASK_LIMIT, DOOR_OPEN } from '@berth/wire/reach-door'
import type { Socket } from 'bun'
import { z } from 'zod'
import type { ServiceDeps } from '../services/deps.ts'
import { openReach } from '../services/reach.ts'
import { asBerthError } from './respond.ts'

const Ask = z.object({ token: z.string().min(1).max(512), workspace: WorkspaceId, key: z.string().max(DOOR_ASK_LIMIT) })
/** Whoever connects and says nothing. */
const ASK_MS = 5000
/** Taken from ssh and not yet by the machine, above which ssh is left waiting. */
const READ_AHEAD_BYTES = 1024 * 1024

interface Visit {
  asked: Buffer
  timer: ReturnType<typeof setTimeout>
  /** Null until it was let in. */
  writer: WritableStreamDefaultWriter<Uint8Array> | null
  stream: ByteStream | null
  waiting: number
  over: boolean
  drained: PromiseWithResolvers<void>
}

export function openReachDoor(deps: ServiceDeps, path: string): { stop(): void } {
  rmSync(path, { force: true })
  const listener = Bun.listen<Visit>({
    unix: path, allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = { asked: Buffer.alloc(0), timer: setTimeout(() => socket.terminate(), ASK_MS), writer: null, stream: null, waiting: 0, over: false, drained: Promise.withResolvers() }
      },
      data(socket, bytes) {
        if (socket.data.writer !== null) toMachine(socket, socket.data.writer, bytes.slice())
        else hear(deps, socket, bytes)
      },
      drain: ({ data }) => data.drained.resolve(),
      end({ data }) { data.writer?.close().catch(() => {}) },
      close({ data }) { leave(data) },
      error() {},
    },
  })
  chmodSync(path, 0o600)
  return {
    stop() {
      listener.stop(true)
      rmSync(path, { force: true })
    },
  }
}

function hear(deps: ServiceDeps, socket: Socket<Visit>, bytes: Uint8Array): void {
  const visit = socket.data
  if (visit.over) return
  visit.asked = Buffer.concat([visit.asked, bytes])
  const end = visit.asked.indexOf('\n')
  if (end < 0 && visit.asked.length <= DOOR_ASK_LIMIT) return
  clearTimeout(visit.timer)
  // The other end waits for our answer before it says more.
  if (end !== visit.asked.length - 1) return socket.terminate()
  socket.pause()
  letIn(deps, visit.asked.subarray(0, end).toString()).then(
    (stream) => {
      if (visit.over) return stream.abort('the client left')
      Object.assign(visit, { stream, writer: stream.writable.getWriter() })
      socket.write(DOOR_OPEN)
      socket.resume()
      fromMachine(socket, stream).catch(() => socket.terminate())
    },
    (thrown: unknown) => {
      visit.over = true
      socket.end(`${JSON.stringify(asBerthError(thrown, deps.log).toBody())}\n`)
      // What it still says is not heard; its end is.
      socket.resume()
    },
  ).catch(() => socket.terminate())
}

async function letIn(deps: ServiceDeps, line: string): Promise<ByteStream> {
  const ask = Ask.safeParse(parse(line))
  if (!ask.success) throw new BerthError('bad_request', 'not what the door understands')
  if (!(await deps.store.access.authenticate(ask.data.token, deps.clock.now()))) throw new BerthError('unauthorized', 'no valid credential')
  return openReach(deps, ask.data.workspace, { ssh: ask.data.key })
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function toMachine(socket: Socket<Visit>, writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): void {
  const visit = socket.data
  visit.waiting += bytes.length
  if (visit.waiting > READ_AHEAD_BYTES) socket.pause()
  writer.write(bytes).then(() => {
    visit.waiting -= bytes.length
    if (visit.waiting <= READ_AHEAD_BYTES) socket.resume()
  }, () => socket.terminate())
}

async function fromMachine(socket: Socket<Visit>, stream: ByteStream): Promise<void> {
  const visit = socket.data
  for await (const chunk of stream.readable) {
    for (let at = 0; at < chunk.length && !visit.over;) {
      visit.drained = Promise.withResolvers()
      const taken = socket.write(at === 0 ? chunk : chunk.subarray(at))
      if (taken < 0) return
      at += taken
      if (at < chunk.length) await visit.drained.promise
    }
  }
  // sshd has ended: there is nobody left to speak to.
  socket.end()
}

function leave(visit: Visit): void {
  clearTimeout(visit.timer)
  visit.over = true
  visit.drained.resolve()
  visit.stream?.abort('the client left')
}
