/** A machine of a harness that nothing runs in: what the server opens on its link is handed over. */
import { PROTOCOL_VERSION, randomIds } from '@berth/wire'
import type { EventBody, Workspace } from '@berth/wire'
import { ENROL_PATH, LINK_PATH } from '@berth/wire/daemon'
import { createMux } from '@berth/wire/mux'
import type { MuxStream } from '@berth/wire/mux'
import type { Harness } from './harness.ts'

/** A daemon as the wire sees it: enrols, says hello, says that its agent is up, and hands over what is opened. */
async function dialMachine(b: Harness, { id, generation }: Pick<Workspace, 'id' | 'generation'>) {
  const bootToken = await b.server.store.links.issueBootToken(id, generation || 1, Date.now())
  const enrolled = await fetch(`${b.server.linkUrl}${ENROL_PATH}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ workspaceId: id, generation: 1, bootToken }) })
  const { linkToken } = (await enrolled.json()) as { linkToken: string }
  const socket = new WebSocket(`${b.server.linkUrl.replace('http', 'ws')}${LINK_PATH}`, { headers: { authorization: `Bearer ${linkToken}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const streams: { open: unknown; stream: MuxStream }[] = []
  let opened: (() => void) | null = null
  const mux = createMux({
    role: 'daemon', onFault: (reason) => { throw new Error(reason) },
    send: (frame) => { socket.send(frame as Uint8Array<ArrayBuffer>) }, bufferedAmount: () => socket.bufferedAmount,
    onOpen: (open, stream) => {
      streams.push({ open, stream })
      opened?.()
    },
  })
  const ready: EventBody = { type: 'workspace.step', step: 'agent', title: 'Start the agent', state: 'done', durationMs: 1, detail: null }
  socket.addEventListener('open', () => socket.send(JSON.stringify({
    type: 'hello', protocol: PROTOCOL_VERSION, daemonVersion: '0.1.0', workspaceId: id, generation: 1, boot: 'boot', machineBoot: 'machine',
    journal: { id: 'journal', firstN: 1, lastN: 1 }, platform: { os: 'linux', arch: 'x64', libc: 'glibc', tmux: false }, isolation: 'none',
  })))
  const welcomed = Promise.withResolvers<{ epoch: number; reportMs?: number }>()
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== 'string') return mux.receive(new Uint8Array(data))
    const message = JSON.parse(data) as { type: string; epoch: number; reportMs?: number }
    if (message.type === 'welcome') {
      socket.send(JSON.stringify({ type: 'events', epoch: message.epoch, journalId: 'journal', entries: [{ n: 1, id: randomIds.event(), ageMs: 0, body: ready }] }))
      welcomed.resolve(message)
    }
  })
  return {
    welcome: await welcomed.promise,
    close: () => socket.close(),
    async next() {
      if (streams.length === 0) await new Promise<void>((resolve) => { opened = resolve })
      return streams.shift() ?? Promise.reject(new Error('nothing was opened'))
    },
  }
}

export type DialledMachine = Awaited<ReturnType<typeof dialMachine>>
/** A workspace that runs on such a machine. */
export async function runDialled(b: Harness): Promise<{ workspace: Workspace; machine: DialledMachine }> {
  const made = await b.create()
  await b.until(made.id, ({ phase }) => phase === 'starting')
  const machine = await dialMachine(b, made)
  return { machine, workspace: await b.until(made.id, ({ phase }) => phase === 'running') }
}
