/** ssh for the CLI of this home, without a WebSocket (contract: `reach-door.ts` of the wire). */
import { chmodSync, rmSync } from 'node:fs'
import { BESIDE_RIGHTS } from '@berth/core'
import type { LinkStream } from '@berth/core'
import { BerthError, WorkspaceId } from '@berth/wire'
import { joinSocket } from '@berth/wire/join-socket'
import type { JoinedSocket } from '@berth/wire/join-socket'
import { DOOR_ASK_LIMIT, DOOR_OPEN } from '@berth/wire/reach-door'
import type { Socket } from 'bun'
import { z } from 'zod'
import type { ServiceDeps } from '../services/deps.ts'
import { openReach } from '../services/reach.ts'
import type { Gate } from '../access/gate.ts'
import { note } from '../access/record.ts'
import { asBerthError } from './respond.ts'
import { ALLOWED_MS } from './while-allowed.ts'

const Ask = z.object({ token: z.string().min(1).max(512), workspace: WorkspaceId, key: z.string().max(DOOR_ASK_LIMIT) })
/** Whoever connects and says nothing. */
const ASK_MS = 5000

interface Visit {
  asked: Buffer
  timer: ReturnType<typeof setTimeout>
  /** Null until it was let in. */
  machine: { readonly joined: JoinedSocket; readonly stream: LinkStream } | null
  over: boolean
}

export interface DoorDeps extends ServiceDeps { readonly gate: Gate; readonly allowedMs?: number }

export function openReachDoor(deps: DoorDeps, path: string): { stop(): void } {
  rmSync(path, { force: true })
  const listener = Bun.listen<Visit>({
    unix: path, allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = { asked: Buffer.alloc(0), timer: setTimeout(() => socket.terminate(), ASK_MS), machine: null, over: false }
      },
      data(socket, bytes) {
        if (socket.data.machine === null) hear(deps, socket, bytes)
        else socket.data.machine.joined.data(bytes)
      },
      drain: ({ data }) => data.machine?.joined.drain(),
      end: ({ data }) => data.machine?.joined.end(),
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

function hear(deps: DoorDeps, socket: Socket<Visit>, bytes: Uint8Array): void {
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
    ({ stream, allowed }) => {
      if (visit.over) return stream.abort('the client left')
      socket.write(DOOR_OPEN)
      visit.machine = { stream, joined: joinSocket(stream, socket) }
      visit.timer = setInterval(() => void allowed().then((still) => { if (!still) socket.terminate() }, () => undefined), deps.allowedMs ?? ALLOWED_MS)
      socket.resume()
    },
    (thrown: unknown) => {
      visit.over = true
      socket.end(`${JSON.stringify(asBerthError(thrown, deps.log).toBody())}\n`)
      // What it still says is not heard; its end is.
      socket.resume()
    },
  ).catch(() => socket.terminate())
}

async function letIn(deps: DoorDeps, line: string): Promise<{ stream: LinkStream; allowed(): Promise<boolean> }> {
  const ask = Ask.safeParse(parse(line))
  if (!ask.success) throw new BerthError('bad_request', 'not what the door understands')
  const { token, workspace, key } = ask.data
  const identity = () => deps.store.access.authenticate(token, deps.clock.now())
  const asks = await identity()
  if (asks === null) throw new BerthError('unauthorized', 'no valid credential')
  await deps.gate.require(asks, BESIDE_RIGHTS.ssh, workspace)
  const stream = await openReach(deps, workspace, { ssh: key })
  await note(deps, asks, { action: 'ssh.open', subject: '', workspaceId: workspace })
  const allowed = async (): Promise<boolean> => {
    const now = await identity()
    return now !== null && (await deps.gate.may(now, BESIDE_RIGHTS.ssh, workspace))
  }
  return { stream, allowed }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function leave(visit: Visit): void {
  clearTimeout(visit.timer)
  visit.over = true
  // ssh is gone, and with it whoever could read what sshd still says.
  visit.machine?.stream.abort('the client left')
}
