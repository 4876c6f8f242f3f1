/**
 * A server of the Model Context Protocol over lines of JSON (its stdio transport), for tools and nothing else. It does
 * no I/O: lines go in by `heard`, out by `send`. Tried against the protocol's own SDK as client (`mcp-server.test.ts`).
 * No dependencies: a process that carries it stands beside every agent for as long as the agent lives.
 */
export const MCP_PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
export const MCP_LINE_LIMIT = 4 * 1024 * 1024
/** More than any agent asks at once. */
const CALLS_LIMIT = 32

export interface McpTool {
  readonly name: string
  readonly title: string
  readonly description: string
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly annotations?: { readonly readOnlyHint?: boolean; readonly destructiveHint?: boolean; readonly idempotentHint?: boolean; readonly openWorldHint?: boolean }
}
/** What a tool says. A refusal is an answer too, which the model reads. */
export interface McpAnswer { readonly text: string; readonly refused?: boolean }
export interface McpCall { readonly name: string; readonly args: Readonly<Record<string, unknown>>; /** Its reason is `cancelled`, or `closed` when the client is gone. */ readonly signal: AbortSignal; /** Tells a client that wants it that the call goes on. */ readonly progress: (message: string) => void }
export interface McpServerDeps {
  readonly name: string
  readonly title: string
  readonly version: string
  readonly instructions: string
  readonly tools: readonly McpTool[]
  /** What it throws is told as a refusal by `refusal`. */
  readonly call: (call: McpCall) => Promise<McpAnswer>
  readonly refusal: (error: unknown) => string
  readonly send: (line: string) => void
}
export interface McpEndpoint {
  heard(line: string): void
  /** Nobody waits for an answer any more. */
  close(): void
  /** Resolves when every call that was begun is answered. */
  settled(): Promise<void>
}

const RPC = { parse: -32700, request: -32600, method: -32601, params: -32602, busy: -32000 } as const
type Id = string | number
type Fields = Readonly<Record<string, unknown>>
interface Failure { readonly code: number; readonly message: string }
type Reply = { readonly jsonrpc: '2.0'; readonly id: Id | null } & ({ readonly result: unknown } | { readonly error: Failure })

class RpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export function createMcpServer(deps: McpServerDeps): McpEndpoint {
  const calls = new Map<Id, AbortController>()
  const open = new Set<Promise<unknown>>()
  const send = (message: unknown): void => { deps.send(JSON.stringify(message)) }

  const callTool = async (id: Id, params: Fields): Promise<unknown> => {
    const { name, arguments: given = {} } = params
    if (typeof name !== 'string' || !deps.tools.some((tool) => tool.name === name)) throw new RpcError(RPC.params, `there is no tool ${String(name).slice(0, 100)}`)
    if (!isFields(given)) throw new RpcError(RPC.params, 'arguments: an object is expected')
    if (calls.has(id)) throw new RpcError(RPC.request, 'a call of that id is under way')
    if (calls.size >= CALLS_LIMIT) throw new RpcError(RPC.busy, `${CALLS_LIMIT} calls are under way`)
    const ending = new AbortController()
    calls.set(id, ending)
    try {
      const answer = await deps.call({ name, args: given, signal: ending.signal, progress: progressTo(params, send) })
      return { content: [{ type: 'text', text: answer.text }], isError: answer.refused === true }
    } catch (error) {
      return { content: [{ type: 'text', text: deps.refusal(error) }], isError: true }
    } finally {
      calls.delete(id)
    }
  }
  const answerTo = (id: Id, method: string, params: Fields): unknown => {
    switch (method) {
      case 'initialize': return {
        protocolVersion: MCP_PROTOCOL_VERSIONS.find((version) => version === params['protocolVersion']) ?? MCP_PROTOCOL_VERSIONS[0],
        capabilities: { tools: {} }, serverInfo: { name: deps.name, title: deps.title, version: deps.version }, instructions: deps.instructions,
      }
      case 'ping': return {}
      case 'tools/list':
        if (params['cursor'] !== undefined) throw new RpcError(RPC.params, 'there is no such page')
        return { tools: deps.tools }
      case 'tools/call': return callTool(id, params)
      default: throw new RpcError(RPC.method, `there is no method ${method.slice(0, 100)}`)
    }
  }
  /** Null: it was cancelled, and nothing is said to it. */
  const take = async (id: Id, method: string, params: Fields): Promise<Reply | null> => {
    try {
      const result = answerTo(id, method, params)
      const ending = calls.get(id)
      const value = await result
      return ending?.signal.aborted === true ? null : { jsonrpc: '2.0', id, result: value }
    } catch (error) {
      return error instanceof RpcError ? refusal(id, error.code, error.message) : refusal(id, RPC.request, deps.refusal(error))
    }
  }
  const takeNotice = (method: string, { requestId }: Fields): null => {
    if (method === 'notifications/cancelled' && isId(requestId)) calls.get(requestId)?.abort('cancelled')
    return null
  }
  const takeAny = async (message: unknown): Promise<Reply | null> => {
    if (!isFields(message) || message['jsonrpc'] !== '2.0') return refusal(null, RPC.request, 'no JSON-RPC 2.0 message')
    const { id, method, params } = message
    // An answer to something we asked; we ask nothing.
    if (method === undefined && ('result' in message || 'error' in message)) return null
    const given = isFields(params) ? params : {}
    if (typeof method !== 'string') return refusal(isId(id) ? id : null, RPC.request, 'no method')
    if (id === undefined) return takeNotice(method, given)
    return isId(id) ? take(id, method, given) : refusal(null, RPC.request, 'an id is text or a number')
  }
  const takeAll = async (parsed: unknown): Promise<void> => {
    if (!Array.isArray(parsed) || parsed.length === 0) {
      const reply = await takeAny(Array.isArray(parsed) ? null : parsed)
      if (reply !== null) send(reply)
      return
    }
    const replies = (await Promise.all(parsed.slice(0, CALLS_LIMIT).map(takeAny))).filter((reply) => reply !== null)
    if (replies.length > 0) send(replies)
  }
  return {
    heard(line) {
      if (line.trim() === '') return
      const parsed = parse(line)
      if (parsed === undefined) { send(refusal(null, RPC.parse, 'that is no JSON')); return }
      const work = takeAll(parsed).finally(() => { open.delete(work) })
      open.add(work)
    },
    close() { for (const call of calls.values()) call.abort('closed') },
    async settled() { await Promise.all(open) },
  }
}

const refusal = (id: Id | null, code: number, message: string): Reply => ({ jsonrpc: '2.0', id, error: { code, message } })
const isId = (value: unknown): value is Id => typeof value === 'string' || typeof value === 'number'
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
function parse(line: string): unknown {
  try { return JSON.parse(line) } catch { return undefined }
}

function progressTo({ _meta: meta }: Fields, send: (message: unknown) => void): (message: string) => void {
  const token = isFields(meta) ? meta['progressToken'] : undefined
  let progress = 0
  return isId(token) ? (message) => { send({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: ++progress, message } }) } : () => {}
}
