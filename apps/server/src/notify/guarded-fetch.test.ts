import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { createGuardedFetch, checkedUrl, isPrivate } from './guarded-fetch.ts'
import { startReceiver } from '@berth/testkit/push-service'
import type { Receiver } from '@berth/testkit/push-service'

let receiver: Receiver
beforeAll(() => { receiver = startReceiver() })
afterAll(() => receiver?.stop())

const send = { headers: {}, body: 'x' }

describe('an address that a person typed', () => {
  it('is private or not', () => {
    for (const address of ['127.0.0.1', '0.0.0.0', '10.1.2.3', '100.100.1.1', '169.254.169.254', '172.31.0.1', '192.168.1.1', '224.0.0.1', '255.255.255.255', '::1', '::', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', 'fd00::1', 'fe80::1', 'fe80::1%eth0', '2002:7f00:1::', 'ff02::1', 'no address']) expect([address, isPrivate(address)]).toEqual([address, true])
    for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001:800::200e']) expect([address, isPrivate(address)]).toEqual([address, false])
  })
  it('is refused where it leads into a private network, written in any way', async () => {
    const guarded = createGuardedFetch({ allowPrivate: false, resolve: async () => ['127.0.0.1'] })
    for (const url of ['https://127.0.0.1/x', 'https://2130706433/x', 'https://0x7f.1/x', 'https://[::1]/x', 'https://localhost/x', 'https://a.localhost/x', 'https://innocent.example/x']) {
      expect([url, await guarded({ ...send, url }).catch((error: unknown) => (error as { code: string }).code)]).toEqual([url, 'forbidden'])
    }
    const mixed = createGuardedFetch({ allowPrivate: false, resolve: async () => ['8.8.8.8', '10.0.0.1'] })
    expect(await mixed({ ...send, url: 'https://two.example' }).catch((error: unknown) => error)).toMatchObject({ code: 'forbidden' })
    for (const url of ['http://example.org', 'file:///etc/passwd', 'ftp://x', 'https://user:pw@example.org', 'no url']) expect(() => checkedUrl(url, false)).toThrow()
    expect(receiver.arrived).toEqual([])
  })
})

describe('a request', () => {
  it('goes to the address that was looked up, under the name that was meant', async () => {
    const port = new URL(receiver.url).port
    const answer = await createGuardedFetch({ allowPrivate: true, resolve: async (host) => (host === 'push.example' ? ['127.0.0.1'] : []) })({ ...send, url: `http://push.example:${port}/a?b=c` })
    expect(answer.status).toBe(201)
    expect(receiver.arrived.at(-1)?.headers.get('host')).toBe(`push.example:${port}`)
  })
  it('follows nothing, reads little, and does not wait for ever', async () => {
    const guarded = createGuardedFetch({ allowPrivate: true, withinMs: 200 })
    receiver.answer(() => Response.redirect('http://127.0.0.1:1/elsewhere'))
    expect((await guarded({ ...send, url: receiver.url })).status).toBe(302)
    receiver.answer(() => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536).fill(65)) }), { status: 429, headers: { 'retry-after': '7' } }))
    expect(await guarded({ ...send, url: receiver.url })).toEqual({ status: 429, retryAfterMs: 7000, text: 'A'.repeat(4096) })
    receiver.answer(() => new Response(new ReadableStream({ pull: () => new Promise<void>(() => {}) })))
    expect(await guarded({ ...send, url: receiver.url }).catch((error: unknown) => (error as Error).name)).toBe('TimeoutError')
  })
})
