/** What an open page shows follows what its person may, without being asked: nothing here looks by itself. */
import { afterAll, beforeAll, expect, it } from 'bun:test'
import type { UserId, Workspace, WorkspaceId } from '@berth/wire'
import type { Level } from '@berth/wire/access'
import { SOCKET_PATH } from '@berth/wire/live'
import type { FromPage, ToPage } from '@berth/wire/live'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { addPerson } from '../test/people.ts'

let b: Harness
const sockets: WebSocket[] = []
beforeAll(async () => {
  // Credentials and levels are asked after once an hour: only what is told can be what a page follows.
  b = await startHarness({ allowedMs: 3600_000 })
}, 60_000)
afterAll(async () => {
  for (const socket of sockets) socket.close()
  await b?.close()
})

async function page(token: string) {
  const socket = new WebSocket(`${b.server.url.replace(/^http/, 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  sockets.push(socket)
  const heard: ToPage[] = []
  let look = (): void => {}
  socket.onmessage = ({ data }) => {
    heard.push(JSON.parse(String(data)) as ToPage)
    look()
  }
  const closed = new Promise<CloseEvent>((resolve) => { socket.onclose = resolve })
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('refused'))
  })
  return {
    closed,
    say: (message: FromPage) => socket.send(JSON.stringify(message)),
    /** From now on. */
    next: (fits: (message: ToPage) => boolean) => {
      const from = heard.length
      return new Promise<void>((resolve) => {
        look = () => { if (heard.slice(from).some(fits)) resolve() }
      })
    },
  }
}
const lists = (id: WorkspaceId, may: Workspace['may'] | 'nothing') => (message: ToPage): boolean => {
  if (message.type !== 'list') return false
  const found = message.workspaces.find((workspace) => workspace.id === id)
  return may === 'nothing' ? found === undefined : found?.may === may
}
const grant = (id: WorkspaceId, userId: UserId, level: Exclude<Level, 'own'> | null) => b.client.grantWorkspace({ id, userId, level })

it('a grant, another one, and its end arrive on the page of whom they are for', async () => {
  const { id } = await b.create()
  const guest = await addPerson(b, { role: 'guest' })
  const open = await page(guest.token)
  const [empty, look, act, gone] = [lists(id, 'nothing'), lists(id, 'look'), lists(id, 'act'), lists(id, 'nothing')]
  const step = async (fits: (message: ToPage) => boolean, work: () => Promise<unknown> | void): Promise<void> => {
    const seen = open.next(fits)
    await work()
    await seen
  }
  await step(empty, () => open.say({ type: 'list' }))
  await step(look, () => grant(id, guest.userId, 'look'))
  await step(act, () => grant(id, guest.userId, 'act'))
  await step((message) => message.type === 'events', () => open.say({ type: 'watch', workspaceId: id, after: 0, at: null, hunkId: null }))
  await step((message) => message.type === 'refused' && message.workspaceId === id, () => grant(id, guest.userId, null))
  await step(gone, () => grant(id, guest.userId, null))
}, 30_000)

it('a role, and the end of it', async () => {
  const { id } = await b.create()
  const person = await addPerson(b, { role: 'guest' })
  const open = await page(person.token)
  const seen = open.next(lists(id, 'nothing'))
  open.say({ type: 'list' })
  await seen
  const looks = open.next(lists(id, 'look'))
  await b.client.setRole({ userId: person.userId, role: 'viewer' })
  await looks
  await b.client.removePerson({ userId: person.userId })
  expect((await open.closed).code).toBe(4401)
}, 30_000)
