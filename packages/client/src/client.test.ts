import { routes } from '@berth/wire/routes'
import { afterEach, describe, expect, it } from 'bun:test'
import type { RepositoryId, StoredEvent, WorkspaceId } from '@berth/wire'
import { createClient, follow } from './index.ts'

const WS = 'ws_0123456789ab' as WorkspaceId
const servers: { stop(close: boolean): unknown }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) void server.stop(true)
})

function serve(fetch: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch })
  servers.push(server)
  return { url: `http://127.0.0.1:${server.port}`, token: 'tok' }
}
const event = (seq: number): StoredEvent => ({ workspaceId: WS, seq, id: 'evt_0123456789ab' as StoredEvent['id'], at: seq, source: 'server', body: { type: 'x', n: seq } })
const sse = (events: StoredEvent[]) => `event: data\ndata: ${JSON.stringify(events)}\n\nevent: control\ndata: {"streamNextOffset":"${events.at(-1)?.seq}"}\n\n`

describe('createClient', () => {
  it('has a function for each route of the contract', () => {
    expect(Object.keys(createClient({ url: 'http://x' })).sort()).toEqual(Object.keys(routes).sort())
  })

  it('puts ids into the path, the rest of a GET into the query and of a POST into the body', async () => {
    const seen: string[] = []
    const client = createClient(serve(async (request) => {
      const url = new URL(request.url)
      seen.push(`${request.method} ${url.pathname}${url.search} ${await request.text()} ${request.headers.get('authorization')}`)
      return Response.json({ events: [], tail: 0 })
    }))
    await client.listEvents({ id: WS, after: 4, limit: undefined })
    await client.sendMessage({ id: WS, text: 'hi' })
    await client.setPreview({ id: WS, port: 3000, label: 'web' })
    await client.deleteWorkspace({ id: WS })
    await client.removeHostedRepository({ repositoryId: 'repo_000000000000' as RepositoryId, force: 'true' })
    expect(seen).toEqual([
      `GET /api/v1/workspaces/${WS}/events?after=4  Bearer tok`,
      `POST /api/v1/workspaces/${WS}/messages {"text":"hi"} Bearer tok`,
      `PUT /api/v1/workspaces/${WS}/previews/3000 {"label":"web"} Bearer tok`,
      `DELETE /api/v1/workspaces/${WS}  Bearer tok`,
      'DELETE /api/v1/repositories/hosted/repo_000000000000 {"force":"true"} Bearer tok',
    ])
  })

  it('throws what the server said', async () => {
    const client = createClient(serve(() => Response.json({ code: 'name_taken', message: 'taken', hint: 'choose another' }, { status: 409 })))
    const error = await client.health().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'name_taken', message: 'taken', hint: 'choose another' })
  })

  it('says that nobody answers, with a hint', async () => {
    const error = await createClient({ url: 'http://127.0.0.1:1' }).health().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'server_unreachable', hint: 'see `berth server status`' })
  })
})

describe('follow', () => {
  async function check(respond: (offset: string, call: number) => Response, want: number): Promise<{ seqs: number[]; offsets: string[] }> {
    const offsets: string[] = []
    const endpoint = serve((request) => {
      offsets.push(new URL(request.url).searchParams.get('offset') ?? '')
      return respond(offsets.at(-1) ?? '', offsets.length)
    })
    const stop = new AbortController()
    const seqs: number[] = []
    for await (const { seq } of follow(endpoint, WS, { after: 0, signal: stop.signal })) {
      seqs.push(seq)
      if (seqs.length === want) stop.abort()
    }
    return { seqs, offsets }
  }

  it('resumes at the cursor when the connection is cut, without repeating what comes twice', async () => {
    const pages = [[event(1), event(2)], [event(2), event(3)], [event(4)]]
    const seen = await check((_, call) => new Response(sse(pages[call - 1] ?? [])), 4)
    expect(seen).toEqual({ seqs: [1, 2, 3, 4], offsets: ['-1', '2', '3'] })
  })

  it('asks again when an event is missing', async () => {
    const pages = [[event(1), event(3)], [event(2), event(3)]]
    expect((await check((_, call) => new Response(sse(pages[call - 1] ?? [])), 3)).seqs).toEqual([1, 2, 3])
  })

  it('ends after the last event of a stream that is closed, and asks no more', async () => {
    let calls = 0
    const endpoint = serve(() => {
      calls++
      return new Response(`${sse([event(1), event(2)])}event: control\ndata: {"streamNextOffset":"2","streamClosed":true}\n\n`)
    })
    const seqs: number[] = []
    for await (const { seq } of follow(endpoint, WS, { after: 0, signal: new AbortController().signal })) seqs.push(seq)
    expect({ seqs, calls }).toEqual({ seqs: [1, 2], calls: 1 })
  })

  it('reads events that arrive in pieces', async () => {
    const bytes = new TextEncoder().encode(sse([event(1)]) + sse([{ ...event(2), body: { type: 'é\r' } }]))
    const pieces = new ReadableStream<Uint8Array>({ start(controller) { for (const byte of bytes) controller.enqueue(new Uint8Array([byte])); controller.close() } })
    expect((await check((_, call) => new Response(call === 1 ? pieces : ''), 2)).seqs).toEqual([1, 2])
  })

  it('outlasts a server that refuses for a while', async () => {
    expect((await check((_, call) => (call < 3 ? new Response('', { status: 503 }) : new Response(sse([event(1)]))), 1)).offsets).toEqual(['-1', '-1', '-1'])
  })

  it('gives up when the cursor is gone or the token is refused', async () => {
    for (const code of ['cursor_gone', 'unauthorized']) {
      const seen = await check(() => Response.json({ code, message: code }, { status: 410 }), 1).catch((error: unknown) => error)
      expect(seen).toMatchObject({ code })
    }
  })
})
