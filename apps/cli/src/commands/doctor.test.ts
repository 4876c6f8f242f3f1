import { afterEach, expect, test } from 'bun:test'
import { checkPublic } from './doctor.ts'

let server: Bun.Server<undefined> | null = null
afterEach(() => server?.stop(true))
const answering = (respond: () => Response | Promise<Response>) => {
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: respond })
  return `http://127.0.0.1:${server.port}`
}
const check = (publicUrl: string | null, signal = new AbortController().signal) => checkPublic({ publicUrl, installation: 'mine' }, signal)

test('proves that the public address leads to this very server', async () => {
  expect(await check(answering(() => Response.json({ ok: true, installation: 'mine' })))).toMatchObject({ level: 'note', found: expect.stringContaining('leads here'), hint: expect.stringContaining('without https') })
})
test('says what else is there', async () => {
  const rows: [() => Response, string][] = [
    [() => Response.json({ ok: true, installation: 'other' }), 'leads to another Berth server'], [() => new Response('<h1>hello</h1>'), 'answered by something else (HTTP 200)'],
    [() => Response.redirect('https://login.example/'), 'sends elsewhere (HTTP 302)'], [() => Response.json([], { status: 502 }), 'something else (HTTP 502)'],
  ]
  for (const [respond, found] of rows) {
    expect(await check(answering(respond))).toMatchObject({ level: 'bad', found: expect.stringContaining(found) })
    await server?.stop(true)
  }
  expect(await check('http://127.0.0.1:1')).toMatchObject({ level: 'bad', found: expect.stringContaining('does not answer') })
  // Who interrupts it does not wait for an address that keeps silent.
  expect(await check(answering(() => new Promise<Response>(() => {})), AbortSignal.timeout(10))).toMatchObject({ level: 'bad' })
  expect(await check(null)).toMatchObject({ level: 'note', found: 'none' })
})
