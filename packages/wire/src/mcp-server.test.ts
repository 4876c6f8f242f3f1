import { afterEach, describe, expect, it } from 'bun:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { createMcpServer, MCP_PROTOCOL_VERSIONS, type McpCall, type McpEndpoint, type McpTool } from './mcp-server.ts'

const TOOLS: readonly McpTool[] = [
  { name: 'echo', title: 'Echo', description: 'says it again', inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] } },
  { name: 'wait', title: 'Wait', description: 'until it is let go', inputSchema: { type: 'object', properties: {} } },
]
const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => { for (const close of closers.splice(0)) await close() })

function serverThat(call: (call: McpCall) => Promise<{ text: string; refused?: boolean }>, send: (line: string) => void): McpEndpoint {
  return createMcpServer({ name: 'test', title: 'Test', version: '1', instructions: 'for tests', tools: TOOLS, call, refusal: (error) => `refused: ${String(error)}`, send })
}
/** The protocol's own SDK as the client, joined to our server by lines. */
async function connected(call: (call: McpCall) => Promise<{ text: string; refused?: boolean }>): Promise<{ client: Client; server: McpEndpoint; lines: string[] }> {
  const lines: string[] = []
  const server = serverThat(call, (line) => {
    lines.push(line)
    // What it does not take for a message of the protocol is thrown here.
    transport.onmessage?.(JSONRPCMessageSchema.parse(JSON.parse(line)))
  })
  const transport: Transport = {
    start: async () => {},
    send: async (message: JSONRPCMessage) => { server.heard(JSON.stringify(message)) },
    close: async () => { server.close() },
  }
  const client = new Client({ name: 'oracle', version: '1' })
  await client.connect(transport)
  closers.push(() => client.close())
  return { client, server, lines }
}
/** What it answers to these lines. */
async function answers(...lines: string[]): Promise<unknown[]> {
  const said: unknown[] = []
  const server = serverThat(async ({ name, args }) => ({ text: `${name} ${JSON.stringify(args)}` }), (line) => void said.push(JSON.parse(line)))
  for (const line of lines) server.heard(line)
  await server.settled()
  return said
}
const request = (method: string, params?: unknown, id: unknown = 1): string => JSON.stringify({ jsonrpc: '2.0', id, method, params })

describe('with the SDK as client', () => {
  it('opens, says what it is, lists its tools, answers a ping', async () => {
    const { client } = await connected(async () => ({ text: '' }))
    expect(client.getServerVersion()).toEqual({ name: 'test', title: 'Test', version: '1' })
    expect(client.getServerCapabilities()).toEqual({ tools: {} })
    expect(client.getInstructions()).toBe('for tests')
    expect((await client.listTools()).tools as unknown).toEqual(TOOLS)
    expect(await client.ping()).toEqual({})
  })
  it('calls a tool, and hears a refusal as the answer of the tool', async () => {
    const { client } = await connected(async ({ name, args }) => {
      if (args['text'] === 'no') throw new Error('not that')
      return { text: `${name}: ${String(args['text'])}`, ...(args['text'] === 'half' ? { refused: true } : {}) }
    })
    const call = (text: string) => client.callTool({ name: 'echo', arguments: { text } })
    expect(await call('yes')).toEqual({ content: [{ type: 'text', text: 'echo: yes' }], isError: false })
    expect(await call('half')).toMatchObject({ isError: true })
    expect(await call('no')).toEqual({ content: [{ type: 'text', text: 'refused: Error: not that' }], isError: true })
    expect(await client.callTool({ name: 'nothing' }).catch((error: unknown) => error)).toMatchObject({ code: -32602 })
    expect(await client.listResources().catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('resources') })
  })
  it('is cancelled, and says nothing to what was', async () => {
    const begun = Promise.withResolvers<AbortSignal>()
    const { client, server, lines } = await connected(({ signal }) => {
      begun.resolve(signal)
      return new Promise((resolve) => { signal.addEventListener('abort', () => { resolve({ text: 'too late' }) }) })
    })
    const leaving = new AbortController()
    const call = client.callTool({ name: 'wait' }, undefined, { signal: leaving.signal }).catch((error: unknown) => error)
    const signal = await begun.promise
    const before = lines.length
    leaving.abort()
    await call
    await server.settled()
    expect(signal.aborted).toBe(true)
    expect(lines.length).toBe(before)
    expect(await client.ping()).toEqual({})
  })
  it('tells who wants it that a call goes on', async () => {
    const { client } = await connected(async ({ progress }) => { progress('one'); progress('two'); return { text: 'done' } })
    const heard: unknown[] = []
    await client.callTool({ name: 'wait' }, undefined, { onprogress: (progress) => void heard.push(progress) })
    expect(heard).toEqual([{ progress: 1, message: 'one' }, { progress: 2, message: 'two' }])
  })
})

describe('by itself', () => {
  it('agrees on a version of the protocol', async () => {
    for (const version of MCP_PROTOCOL_VERSIONS) expect(await answers(request('initialize', { protocolVersion: version }))).toMatchObject([{ result: { protocolVersion: version } }])
    expect(await answers(request('initialize', { protocolVersion: '1999-01-01' }))).toMatchObject([{ result: { protocolVersion: MCP_PROTOCOL_VERSIONS[0] } }])
  })
  it('answers what is wrong by its code, and notices by nothing', async () => {
    const wrong: readonly (readonly [string, number])[] = [
      ['{', -32700], ['[]', -32600], ['7', -32600], ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600], [request('ping', {}, {}), -32600], [request('no/such'), -32601],
      [request('tools/list', { cursor: 'x' }), -32602], [request('tools/call', { name: 'echo', arguments: [] }), -32602], [request('tools/call', {}), -32602],
    ]
    for (const [line, code] of wrong) expect([line, await answers(line)]).toMatchObject([line, [{ error: { code } }]])
    expect(await answers('', '{"jsonrpc":"2.0","method":"notifications/initialized"}', '{"jsonrpc":"2.0","id":3,"result":{}}')).toEqual([])
  })
  it('answers a batch with a batch', async () => {
    expect(await answers(`[${request('ping', {}, 1)},${request('ping', {}, 'two')},{"jsonrpc":"2.0","method":"notifications/initialized"}]`)).toEqual([[{ jsonrpc: '2.0', id: 1, result: {} }, { jsonrpc: '2.0', id: 'two', result: {} }]])
  })
  it('takes only so many calls at once', async () => {
    const said: { error?: { code: number } }[] = []
    const release = Promise.withResolvers<void>()
    const server = serverThat(async () => { await release.promise; return { text: '' } }, (line) => void said.push(JSON.parse(line)))
    for (let id = 0; id < 40; id++) server.heard(request('tools/call', { name: 'wait' }, id))
    server.heard(request('tools/call', { name: 'wait' }, 0))
    await Promise.resolve()
    release.resolve()
    await server.settled()
    expect(said.filter(({ error }) => error?.code === -32000)).toHaveLength(8)
    expect(said.filter(({ error }) => error?.code === -32600)).toHaveLength(1)
  })
  it('lives through anything that may be said to it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json(), fc.record({ jsonrpc: fc.constant('2.0'), id: fc.anything(), method: fc.constantFrom('initialize', 'tools/call', 'tools/list', 'notifications/cancelled', 'ping'), params: fc.anything() }, { requiredKeys: ['jsonrpc'] }).map((message) => { try { return JSON.stringify(message) ?? '' } catch { return '' } })), { maxLength: 5 }), async (lines) => {
      for (const said of await answers(...lines)) for (const one of Array.isArray(said) ? said : [said]) expect(one).toMatchObject({ jsonrpc: '2.0' })
    }), { numRuns: 200 })
  })
})
