/** A peer of the link that says what a test wants. */
import type { WorkspaceId } from '@berth/wire'
import type { Harness } from './harness.ts'

export interface RawPeer { readonly texts: string[]; readonly closed: Promise<number>; readonly socket: WebSocket; say(message: unknown): void }
/** A peer that speaks as it likes. */
export async function rawPeer(h: Harness, token: string): Promise<RawPeer> {
  const socket = new WebSocket(`${h.listener.url.replace('http', 'ws')}/link/v1`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  const texts: string[] = []
  socket.addEventListener('message', (event: MessageEvent<unknown>) => { if (typeof event.data === 'string') texts.push(event.data) })
  const closed = new Promise<number>((resolve) => { socket.addEventListener('close', (event) => { resolve(event.code) }) })
  await new Promise((resolve) => { socket.addEventListener('open', resolve); socket.addEventListener('close', resolve) })
  return { texts, closed, socket, say: (value) => { socket.send(JSON.stringify(value)) } }
}
export async function tokenOf(h: Harness, workspaceId: WorkspaceId): Promise<string> {
  const bootToken = await h.store.issueBootToken(workspaceId, 1, 0)
  return (await h.store.enrol(workspaceId, 1, bootToken, 0))?.linkToken ?? ''
}
export const hello = (workspaceId: WorkspaceId, more: object = {}) => ({ type: 'hello', protocol: 1, daemonVersion: '0', workspaceId, generation: 1, boot: 'b', machineBoot: 'm', journal: { id: 'j', firstN: 1, lastN: 0 }, platform: { os: 'linux', arch: 'x64', libc: null, tmux: false }, isolation: 'none', ...more })
