import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import { sendHttp } from '@berth/wire/http-stream'
import { assignmentOf, failure, harness, message, textsOf, until } from './test/harness.ts'
import type { Harness } from './test/harness.ts'
import { createMemoryLinkStore } from './test/memory-link-store.ts'

// Every wait below is for an event; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const open: Harness[] = []
afterEach(async () => { for (const h of open.splice(0)) await h.stop() })
async function start(...args: Parameters<typeof harness>): Promise<Harness> { const h = await harness(...args); open.push(h); return h }

for (const over of ['unix', 'tcp'] as const) {
  test(`enrols, says hello, uploads, reports and is assigned over ${over}`, async () => {
    const h = await start({ over })
    const d = await h.daemon()
    const id = d.boot.workspaceId
    d.journal.append(message('one'))
    d.journal.append(message('two'))
    await until('connected', () => h.server.daemons.connected(id))
    expect(await d.link.flush(30_000)).toBe(true)
    expect(textsOf(h.store.events(id))).toEqual(['one', 'two'])
    expect([d.link.connected, h.server.daemons.count()]).toEqual([true, 1])
    await until('report', () => h.store.reports === 1)
    d.link.reportSoon()
    d.link.reportSoon()
    await until('a second report', () => h.store.reports === 2)
    expect(d.assignments).toEqual([assignmentOf(id)])
    await h.server.daemons.reassign(id)
    await until('assigned again', () => d.assignments.length === 2)
    expect(h.changed).toContain(id)
    const tokenFile = join(d.boot.stateDir, 'link-token.json')
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(d.bootPath, 'utf8'))).toMatchObject({ bootToken: '', workspaceId: id })
    await d.stop()
    await until('gone', () => !h.server.daemons.connected(id))
    await until('closed in the store', () => h.store.openEpochs.size === 0)
  })
}

test('daemons that come back while the server starts wait until it has started, and ask the store nothing before', async () => {
  const links = createMemoryLinkStore()
  const [begun, asked] = [Promise.withResolvers<void>(), [] as string[]]
  const h = await start({ links: { ...links, authenticateLink: async (token) => { asked.push('a daemon'); return await links.authenticateLink(token) } }, deps: { begun: begun.promise.then(() => { asked.push('started') }) } })
  const workspaceId = randomIds.workspace()
  const d = await h.daemon({ workspaceId, bootToken: await links.issueBootToken(workspaceId, 1, 0) })
  await until('it dials', () => existsSync(join(d.boot.stateDir, 'link-token.json')) && h.listener.pending() > 0)
  begun.resolve()
  await until('connected', () => h.server.daemons.connected(workspaceId))
  expect(asked).toEqual(['started', 'a daemon'])
})

test('calls are answered with values, refusals and timeouts', async () => {
  const h = await start()
  let release = (): void => {}
  let ran = 0
  const d = await h.daemon({ calls: {
    'session.interrupt': async () => ({ interrupted: true }),
    'git.diff': async (params) => { ran += 1; await new Promise<void>((resolve) => { release = resolve }); return { patch: String(params.against), truncated: false, stat: [] } },
    'logs.read': async () => { throw new Error('the password is hunter2') },
    'terminal.list': async () => [{ terminalId: 't', title: 'x'.repeat(2_000_000), backend: 'tmux' as const, viewers: 0 }],
  } })
  const { daemons } = h.server
  const id = d.boot.workspaceId
  expect(await failure(daemons.call(id, 'session.interrupt', {}, { withinMs: 1000 }))).toMatchObject({ code: 'daemon_unreachable' })
  await until('connected', () => daemons.connected(id))
  expect(await daemons.call(id, 'session.interrupt', {}, { withinMs: 5000 })).toEqual({ interrupted: true })
  expect(await failure(daemons.call(id, 'git.diff', {}, { withinMs: 20 }))).toMatchObject({ code: 'timeout' })
  const slow = daemons.call(id, 'git.diff', {}, { withinMs: 5000 })
  await until('second diff runs', () => ran === 2)
  release()
  expect(await slow).toEqual({ patch: 'source', truncated: false, stat: [] })
  const refused = await daemons.call(id, 'logs.read', { source: 'x' }, { withinMs: 5000 }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'internal' })
  expect(String(refused)).not.toContain('hunter2')
  expect(await failure(daemons.call(id, 'terminal.list', {}, { withinMs: 5000 }))).toMatchObject({ code: 'too_large' })
  // A parameter that does not parse never reaches a handler.
  expect(await failure(daemons.call(id, 'logs.read', { source: 'x', tailBytes: -1.5e9 + 0.5 }, { withinMs: 5000 }))).toMatchObject({ code: 'bad_request' })
  const lost = daemons.call(id, 'git.diff', {}, { withinMs: 60_000 }).catch((error: unknown) => error)
  await until('third diff runs', () => ran === 3)
  await h.restartServer()
  expect(await lost).toMatchObject({ code: 'daemon_unreachable' })
})

test('streams carry bytes both ways, and requests of the daemon are answered by linkHttp', async () => {
  const h = await start({ deps: { linkHttp: async (id, request) => new Response(`${id} ${request.method} ${new URL(request.url).pathname} ${(await request.text()).length}`) } })
  const d = await h.daemon({ onStream: (_, stream) => { void stream.readable.pipeTo(stream.writable).catch(() => {}) } })
  const id = d.boot.workspaceId
  await until('connected', () => h.server.daemons.connected(id))
  const stream = await h.server.daemons.openStream(id, { service: 'tcp', port: 1 })
  const sent = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7) & 255)
  const writer = stream.writable.getWriter()
  const writing = writer.write(sent).then(() => writer.close())
  const got = new Uint8Array(await new Response(stream.readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())
  await writing
  expect(Buffer.compare(got, sent)).toBe(0)
  const response = await sendHttp(await d.link.openStream({ service: 'http' }), { method: 'POST', path: '/git/x', body: 'x'.repeat(300_000) })
  expect([response.status, await response.text()]).toEqual([200, `${id} POST /git/x 300000`])
  const refused = await d.link.openStream({ service: 'tcp', port: 22 })
  expect(await failure(refused.readable.getReader().read())).toMatchObject({ code: 'cancelled' })
})
