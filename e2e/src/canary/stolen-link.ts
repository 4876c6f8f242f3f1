/** Who has a machine's link token, and nothing of its machine: speaks the link's protocol from elsewhere. */
import { PROTOCOL_VERSION, randomIds, VERSION, type EventBody, type WorkspaceId } from '@berth/wire'
import { LINK_PATH, ToDaemon, type FromDaemon } from '@berth/wire/daemon'
import { sendHttp } from '@berth/wire/http-stream'
import { createMux } from '@berth/wire/mux'

export interface Stolen { readonly linkUrl: string; readonly token: string }
export interface As { readonly workspaceId: WorkspaceId; readonly generation: number }
export interface StolenLink {
  readonly epoch: number
  readonly assignment: string
  ask(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<{ status: number; text: string }>
  /** The first answer to events that it says happened: what the server sent, or the code it closed with. */
  upload(epoch: number, bodies: readonly EventBody[]): Promise<ToDaemon['type'] | number>
  close(): Promise<void>
  /** With that code. */
  readonly closed: Promise<number>
}

/** The link, or the code it was refused with. */
export async function dial({ linkUrl, token }: Stolen, { workspaceId, generation }: As): Promise<StolenLink | number> {
  // Bun takes headers here; the browser's type does not know them.
  const socket = new WebSocket(linkUrl.replace(/^http/, 'ws') + LINK_PATH, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const say = (message: Exclude<FromDaemon, { type: 'unknown' }>): void => { socket.send(JSON.stringify(message)) }
  const closed = Promise.withResolvers<number>()
  let heard: (message: ToDaemon) => void = () => {}
  const next = (of: readonly ToDaemon['type'][]): Promise<ToDaemon> => new Promise((resolve) => { heard = (message) => { if (of.includes(message.type)) resolve(message) } })
  const mux = createMux({ role: 'daemon', send: (frame) => { socket.send(frame as Uint8Array<ArrayBuffer>) }, onOpen: (_open, stream) => { stream.abort('nothing is served here') } })
  const journalId = crypto.randomUUID()
  let said = 0

  const welcomed = next(['welcome'])
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== 'string') return mux.receive(new Uint8Array(data))
    const message = ToDaemon.parse(JSON.parse(data))
    if (message.type === 'call') say({ type: 'result', rid: message.rid, ok: false, error: { code: 'internal', message: 'a thief does nothing for anybody' } })
    heard(message)
  })
  socket.addEventListener('close', ({ code }) => { closed.resolve(code) })
  socket.addEventListener('open', () => {
    say({
      type: 'hello', protocol: PROTOCOL_VERSION, daemonVersion: VERSION, workspaceId, generation, boot: 'stolen', machineBoot: 'stolen', isolation: 'container',
      journal: { id: journalId, firstN: 1, lastN: 0 }, platform: { os: 'linux', arch: 'x64', libc: 'glibc', tmux: true },
    })
  })
  const first = await Promise.race([welcomed, closed.promise])
  if (typeof first === 'number') return first
  if (first.type !== 'welcome') throw new Error(`greeted with ${first.type}`)
  return {
    closed: closed.promise, epoch: first.epoch, assignment: JSON.stringify(first.assignment),
    async ask(method, path, headers = {}, body) {
      const answer = await sendHttp(await mux.open({ service: 'http' }), { method, path, headers, ...(body === undefined ? {} : { body }) })
      return { status: answer.status, text: await answer.text() }
    },
    async upload(epoch, bodies) {
      const answered = next(['ack', 'expected', 'rotate'])
      say({ type: 'events', epoch, journalId, entries: bodies.map((body) => ({ n: ++said, id: randomIds.event(), ageMs: 0, body })) })
      const answer = await Promise.race([answered, closed.promise])
      return typeof answer === 'number' ? answer : answer.type
    },
    async close() {
      socket.close(1000, '')
      await closed.promise
      mux.close('over')
    },
  }
}
