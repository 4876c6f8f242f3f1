/**
 * Connections to the dev servers: each a byte stream of the workspace's link. They are kept for the next request while
 * nobody needs them; a workspace has no more than a part of the link's streams, and whoever comes then waits in line.
 */
import type { Daemons, LinkStream } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { ByteSource } from './body.ts'
import { createPouring } from './pour.ts'
import type { ByteSink, Pouring } from './pour.ts'

export interface ServerConnection extends ByteSource {
  /** It has carried an exchange before. */
  readonly used: boolean
  /** The next `read` does not wait. */
  readonly buffered: boolean
  /** Resolves when the link took them; undefined: it did. Rejects once the connection is over. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** With nothing buffered: so many of the next bytes go to the sink. Resolves when it took them, rejects when it broke off before. */
  pour(bytes: number, to: ByteSink): Promise<void>
  /** No more from us; the answer still comes. */
  end(): void
  /** For the next one. */
  release(): void
  destroy(): void
}
/** Whoever it is for: nobody waits in line who has left. */
export interface Visitor { onClose(listener: () => void): () => void }
export interface ServerConnections {
  /** `fresh`: none that was used before, for what may not be said twice. */
  open(to: { workspaceId: WorkspaceId; port: number; fresh?: boolean }, visitor: Visitor): ServerConnection | Promise<ServerConnection>
  close(): void
}

/** Of the 192 streams that a link carries: terminals, ssh and uploads have the rest. */
const CONNECTIONS_PER_WORKSPACE = 128
/** A browser opens six at a time; this is a page that was written to ask. */
const WAITING_PER_WORKSPACE = 1024
const WAIT_MS = 30_000
/** Below the five seconds after which Node's servers close, with the time until somebody looks. */
const IDLE_MS = 3500
const SWEEP_MS = 1000
const IDLE_PER_PORT = 64

/** `idle`: by port, the one used last at the end. */
interface Pool { open: number; readonly line: (() => void)[]; readonly idle: Map<number, Keepable[]> }

export function createServerConnections(deps: { daemons: Pick<Daemons, 'openStream'> }): ServerConnections {
  const pools = new Map<WorkspaceId, Pool>()
  const poolOf = (id: WorkspaceId): Pool => {
    const pool = pools.get(id) ?? { open: 0, line: [], idle: new Map() }
    // Some bytes for each workspace that was ever visited.
    pools.set(id, pool)
    return pool
  }
  const left = (pool: Pool): void => {
    pool.open--
    pool.line.shift()?.()
  }

  /** One that waits at another port gives its place up first. */
  const makeRoom = (pool: Pool): void => {
    for (const idle of pool.idle.values()) if (idle[0] !== undefined) return idle[0].destroy()
  }

  async function turn(pool: Pool, visitor: Visitor): Promise<void> {
    if (pool.open < CONNECTIONS_PER_WORKSPACE) return
    makeRoom(pool)
    if (pool.open < CONNECTIONS_PER_WORKSPACE) return
    if (pool.line.length >= WAITING_PER_WORKSPACE) throw crowded()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    pool.line.push(resolve)
    const give = (cause: unknown) => () => {
      const at = pool.line.indexOf(resolve)
      if (at >= 0) pool.line.splice(at, 1)
      reject(cause)
    }
    const timer = setTimeout(give(crowded()), WAIT_MS)
    const stay = visitor.onClose(give(new BerthError('cancelled', 'the visitor left')))
    try {
      await promise
    } finally {
      clearTimeout(timer)
      stay()
    }
  }

  async function connect(to: { workspaceId: WorkspaceId; port: number }, visitor: Visitor): Promise<ServerConnection> {
    const pool = poolOf(to.workspaceId)
    // Counted at once: whoever is let in from the line has its place already.
    while (pool.open >= CONNECTIONS_PER_WORKSPACE) await turn(pool, visitor)
    pool.open++
    try {
      const stream = await deps.daemons.openStream(to.workspaceId, { service: 'tcp', port: to.port })
      return keepable(stream, { keep: (connection) => keep(pool, to.port, connection), gone: () => left(pool) })
    } catch (error) {
      left(pool)
      throw error
    }
  }

  let sweeping: Timer | null = null
  const sweep = (): void => {
    const before = performance.now() - IDLE_MS
    let left = 0
    for (const pool of pools.values()) {
      for (const idle of pool.idle.values()) {
        while (idle[0] !== undefined && idle[0].idleSince < before) idle[0].destroy()
        left += idle.length
      }
    }
    if (left > 0 || sweeping === null) return
    clearInterval(sweeping)
    sweeping = null
  }

  function keep(pool: Pool, port: number, connection: Keepable): void {
    const idle = pool.idle.get(port) ?? []
    pool.idle.set(port, idle)
    if (idle.length >= IDLE_PER_PORT || pool.line.length > 0) return connection.destroy()
    idle.push(connection)
    connection.rest(() => {
      const at = idle.indexOf(connection)
      if (at >= 0) idle.splice(at, 1)
    })
    if (sweeping !== null) return
    sweeping = setInterval(sweep, SWEEP_MS)
    sweeping.unref()
  }

  return {
    open(to, visitor) {
      const last = to.fresh === true ? undefined : pools.get(to.workspaceId)?.idle.get(to.port)?.at(-1)
      if (last === undefined) return connect(to, visitor)
      last.wake()
      return last
    },
    close() {
      if (sweeping !== null) clearInterval(sweeping)
      for (const pool of pools.values()) for (const idle of pool.idle.values()) while (idle[0] !== undefined) idle[0].destroy()
    },
  }
}

const crowded = (): BerthError => new BerthError('too_many', 'more requests than the preview carries at once', { hint: `it carries ${CONNECTIONS_PER_WORKSPACE}; close some tabs, or try again` })

interface Keepable extends ServerConnection {
  readonly idleSince: number
  /** Until it is used again. It is destroyed when the server ends it, or speaks out of turn. `over`: it rests no more. */
  rest(over: () => void): void
  wake(): void
}

function keepable(stream: LinkStream, pool: { keep(connection: Keepable): void; gone(): void }): Keepable {
  let waiting: PromiseWithResolvers<Buffer | null> | null = null
  let unsent: { bytes: Uint8Array; done: PromiseWithResolvers<void> } | null = null
  let failed: Error | null = null
  let pouring: Pouring | null = null
  let given: Buffer[] = []
  let used = false
  let over = false
  let idleSince = 0
  let atWake: (() => void) | null = null
  const direct = stream.direct({
    onBytes() {
      // Out of turn, or the end.
      if (atWake !== null) return connection.destroy()
      if (pouring !== null) return pouring.on()
      if (waiting === null) return
      waiting.resolve(received())
      waiting = null
    },
    onRoom() {
      if (unsent === null) return
      unsent.bytes = unsent.bytes.subarray(direct.write(unsent.bytes))
      if (unsent.bytes.length > 0) return
      unsent.done.resolve()
      unsent = null
    },
    onOver(error) {
      failed = error
      waiting?.reject(error)
      unsent?.done.reject(error)
      pouring?.fail(error)
      if (atWake !== null) connection.destroy()
    },
  })
  const received = (): Buffer | null => {
    const bytes = direct.read()
    return bytes === null ? null : asBuffer(bytes)
  }

  const connection: Keepable = {
    get used() { return used },
    get buffered() { return given.length > 0 },
    get idleSince() { return idleSince },
    read() {
      const bytes = given.pop() ?? received()
      if (bytes !== null) return bytes
      if (failed !== null) return Promise.reject(failed)
      if (direct.ended) return null
      waiting = Promise.withResolvers()
      return waiting.promise
    },
    unread: (bytes) => void given.push(bytes),
    write(bytes) {
      if (failed !== null) return Promise.reject(failed)
      const rest = bytes.subarray(direct.write(bytes))
      if (rest.length === 0) return undefined
      unsent = { bytes: rest, done: Promise.withResolvers() }
      return unsent.done.promise
    },
    async pour(bytes, to) {
      if (failed !== null) throw failed
      pouring = createPouring({ read: () => direct.read(), unread: (rest) => given.push(asBuffer(rest)), get ended() { return direct.ended } }, to, bytes)
      try {
        await pouring.done
      } finally {
        pouring = null
      }
    },
    end: () => direct.end(),
    release() {
      if (over) return
      // Bytes that nobody asked for belong to no exchange.
      if (given.length > 0) return connection.destroy()
      used = true
      pool.keep(connection)
    },
    destroy() {
      if (over) return
      over = true
      connection.wake()
      given = []
      stream.abort('the preview is done with it')
      pool.gone()
    },
    rest(over) {
      atWake = over
      idleSince = performance.now()
      if (failed !== null || direct.ended) connection.destroy()
    },
    wake() {
      atWake?.()
      atWake = null
    },
  }
  return connection
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
