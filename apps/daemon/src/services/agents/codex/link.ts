/** The app server's socket: requests, answers and notes as JSON frames of a WebSocket over a unix socket. */
import { statSync } from 'node:fs'
import { BerthError } from '@berth/wire'
import { parseLine } from '../json-lines.ts'
import { Message } from './messages.ts'

type Message = ReturnType<typeof Message.parse>

const ANSWER_WITHIN_MS = 30_000
const READY_WITHIN_MS = 60_000
const LOOK_MS = 100

export interface CodexLink {
  request(method: string, params: unknown): Promise<unknown>
  note(method: string): void
  reply(id: string | number, result: unknown): void
  /** Without a word to the events. */
  close(): void
}
export interface CodexEvents {
  /** A note, or with an `id` a request that wants a reply. */
  said(method: string, params: unknown, id: string | number | null): void
  closed(): void
}

/** Resolves when somebody answers there. `gone` says why nobody will. */
export async function connectCodex(path: string, agentUid: number | null, events: CodexEvents, gone: () => Promise<string | null>): Promise<CodexLink> {
  for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await Bun.sleep(LOOK_MS)) {
    const link = isTheirs(path, agentUid) ? await dial(path, events) : null
    if (link !== null) return link
    const why = await gone()
    if (why !== null) throw new BerthError('agent_unavailable', `codex ended as it began: ${why}`, { hint: 'look at the terminal `agent-server`, then send a message to try again' })
  }
  throw new BerthError('timeout', 'codex did not begin to answer', { hint: 'look at the terminal `agent-server`, then send a message to try again' })
}

/** The path is in the agent's home: nothing is dialed but a socket of its own. */
function isTheirs(path: string, agentUid: number | null): boolean {
  // The program makes its socket elsewhere and puts a link there.
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && stat.isSocket() && (agentUid === null || stat.uid === agentUid)
}

function dial(path: string, events: CodexEvents): Promise<CodexLink | null> {
  const opened = Promise.withResolvers<CodexLink | null>()
  const socket = new WebSocket(`ws+unix://${path}:/`)
  const waiting = new Map<number, (message: Message) => void>()
  let next = 1
  let open = false
  const link: CodexLink = {
    async request(method, params) {
      const id = next++
      const answer = Promise.withResolvers<Message>()
      waiting.set(id, answer.resolve)
      const timer = setTimeout(() => { answer.resolve({ error: { message: `no answer to ${method}` } }) }, ANSWER_WITHIN_MS)
      socket.send(JSON.stringify({ id, method, params }))
      const { result, error } = await answer.promise
      clearTimeout(timer)
      waiting.delete(id)
      if (error !== undefined) throw new BerthError('agent_unavailable', `codex: ${error.message.slice(0, 500)}`, { hint: 'look at the terminal `agent-server`' })
      return result
    },
    note(method) { socket.send(JSON.stringify({ method })) },
    reply(id, result) { socket.send(JSON.stringify({ id, result })) },
    close() {
      open = false
      socket.close()
    },
  }
  socket.addEventListener('open', () => { open = true; opened.resolve(link) })
  socket.addEventListener('error', () => { opened.resolve(null) })
  socket.addEventListener('close', () => {
    opened.resolve(null)
    for (const answer of waiting.values()) answer({ error: { message: 'the connection ended' } })
    if (open) events.closed()
  })
  socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const message = parseLine(Message, String(data))
    if (message === null) return
    if (message.method === undefined) waiting.get(Number(message.id))?.(message)
    else events.said(message.method, message.params, message.id ?? null)
  })
  return opened.promise
}
