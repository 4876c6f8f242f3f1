/** Whoever loses a right, or is let go, loses what is open within ten seconds, at the pace of the product itself. */
import { afterAll, beforeAll, expect, it } from 'bun:test'
import type { Workspace } from '@berth/wire'
import { SOCKET_PATH } from '@berth/wire/live'
import type { ToPage } from '@berth/wire/live'
import { runDialled, type DialledMachine } from '../test/dialled.ts'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { addPerson } from '../test/people.ts'
import type { Person } from '../test/people.ts'

const WITHIN_MS = 10_000
let b: Harness
let workspace: Workspace
let machine: DialledMachine
beforeAll(async () => {
  b = await startHarness()
  ;({ workspace, machine } = await runDialled(b))
}, 60_000)
afterAll(async () => {
  machine?.close()
  await b?.close()
})

async function connected(path: string, { token }: Person): Promise<WebSocket> {
  const socket = new WebSocket(`${b.server.url.replace(/^http/, 'ws')}${path}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`${path} was refused`))
  })
  return socket
}
const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => { socket.onclose = ({ code }) => resolve(code) })

/** A shell in the machine, its stream of events, and the page that watches it; each told when it is over. */
async function allOpen(person: Person) {
  const at = `/api/v1/workspaces/${workspace.id}`
  const shell = await connected(`${at}/terminals/agent/attach?cols=80&rows=24`, person)
  const { stream: inside } = await machine.next()
  const page = await connected(SOCKET_PATH, person)
  page.send(JSON.stringify({ type: 'watch', workspaceId: workspace.id, after: 0 }))
  const refused = new Promise<void>((resolve) => { page.onmessage = ({ data }) => { if ((JSON.parse(String(data)) as ToPage).type === 'refused') resolve() } })
  const reader = (await person.fetch(`${at}/stream?offset=-1&live=sse`)).body?.getReader()
  await reader?.read()
  const read = async (): Promise<void> => { for (let part = await reader?.read(); part?.done === false; part = await reader?.read()); }
  return {
    refused, pageClosed: closed(page), shellClosed: closed(shell), streamEnded: read(),
    machineTold: inside.readable.getReader().read().then(({ done }) => done, () => true),
  }
}

async function within<T>(ended: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error(`it is open after ${WITHIN_MS} ms`)), WITHIN_MS) })
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}

it('a grant that is taken back ends the shell, the stream and what the page watches', async () => {
  const person = await addPerson(b, { role: 'guest' })
  await b.client.grantWorkspace({ id: workspace.id, userId: person.userId, level: 'act' })
  const open = await allOpen(person)
  await b.client.grantWorkspace({ id: workspace.id, userId: person.userId, level: null })
  expect(await within(Promise.all([open.shellClosed, open.machineTold, open.streamEnded, open.refused]))).toEqual([4401, true, undefined, undefined])
}, 40_000)

it('who may only look from now on keeps what is to be looked at, and no shell', async () => {
  const person = await addPerson(b, { role: 'guest' })
  await b.client.grantWorkspace({ id: workspace.id, userId: person.userId, level: 'act' })
  const open = await allOpen(person)
  await b.client.grantWorkspace({ id: workspace.id, userId: person.userId, level: 'look' })
  expect(await within(Promise.all([open.shellClosed, open.machineTold]))).toEqual([4401, true])
  expect(await Promise.race([open.streamEnded, open.refused, open.pageClosed, 'both go on'])).toBe('both go on')
}, 40_000)

it('who is let go loses the shell, the stream and the page', async () => {
  const person = await addPerson(b, { role: 'member' })
  await b.client.grantWorkspace({ id: workspace.id, userId: person.userId, level: 'act' })
  const open = await allOpen(person)
  await b.client.removePerson({ userId: person.userId })
  expect(await within(Promise.all([open.shellClosed, open.machineTold, open.streamEnded, open.pageClosed]))).toEqual([4401, true, undefined, 4401])
}, 40_000)
