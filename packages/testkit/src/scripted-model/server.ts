/**
 * A model that says what a script tells it, over the protocols real agents speak. A test puts a marker (`[[work]]`)
 * into its prompt; everything else follows from the conversation the agent sends, so the server keeps no sessions.
 */
import { appendFileSync } from 'node:fs'
import { messagesError, parseMessages, streamMessage, wholeMessage } from './anthropic.ts'
import { builtInScenarios } from './built-in.ts'
import { parseChat, streamChat, wholeChat } from './chat.ts'
import { geminiError, parseGemini, streamGemini, wholeGemini } from './gemini.ts'
import { object, type Json } from './json.ts'
import { callOf } from './offered-tools.ts'
import { openaiError, parseResponses, streamResponse, wholeResponse } from './responses.ts'
import { select, workingDirectory, type Exchange, type Reply, type ReplyBlock, type ScenarioContext, type Scenarios, type Selected, type Step } from './scenario.ts'

const REQUEST_LIMIT = 64 * 1024 * 1024

/** One request as it arrived: tests assert on the credential, the prompt and the tool results in it. */
export interface ModelRequest {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
  /** What was chosen to answer it; null: no marker, or no model call at all. */
  readonly selected: Selected | null
  /** The agent offered tools: a call of its main loop, not one for a title or a summary. */
  readonly offersTools: boolean
}
export interface ScriptedModel {
  readonly url: string
  requests(): readonly ModelRequest[]
  /** The first request, past or future, that fits. Rejects when the signal fires. */
  waitFor(predicate: (request: ModelRequest) => boolean, signal?: AbortSignal): Promise<ModelRequest>
  close(): Promise<void>
}

interface Protocol {
  readonly parse: (body: Json) => Exchange
  readonly whole: (reply: Reply) => unknown
  readonly stream: (reply: Reply) => AsyncGenerator<string>
  readonly error: (status: number, message: string) => unknown
}

export async function startScriptedModel(options: { port?: number; hostname?: string; scenarios?: Scenarios; logFile?: string } = {}): Promise<ScriptedModel> {
  const scenarios = { ...builtInScenarios, ...options.scenarios }
  const seen: ModelRequest[] = []
  const waiters = new Set<(request: ModelRequest) => void>()
  /** How often a step has refused already; the only thing that is remembered between requests. */
  const refusals = new Map<string, number>()

  const record = (request: ModelRequest): void => {
    seen.push(request)
    if (options.logFile !== undefined) appendFileSync(options.logFile, `${JSON.stringify(request)}\n`)
    for (const waiter of waiters) waiter(request)
  }

  const answer = async (request: Request): Promise<Response> => {
    if (request.headers.has('upgrade')) return new Response('no upgrade here\n', { status: 426 })
    const url = new URL(request.url)
    const text = request.method === 'POST' ? await request.text() : ''
    const body = object(parseJson(text))
    const protocol = protocolOf(url.pathname)
    const exchange = protocol?.parse(body) ?? null
    const selected = exchange === null || exchange.tools.length === 0 || exchange.wantsJson ? null : select(exchange.turns)
    record({ at: Date.now(), method: request.method, path: url.pathname + url.search, headers: Object.fromEntries(request.headers), body, selected, offersTools: (exchange?.tools.length ?? 0) > 0 })
    if (protocol === null || exchange === null) return plainAnswer(url.pathname)
    const step = stepOf(scenarios, exchange, { selected, told: (pattern) => pattern.exec(text)?.[1] ?? null })
    const refusal = refusalOf(refusals, step, selected)
    if (refusal !== null) return Response.json(protocol.error(refusal.http, refusal.words), { status: refusal.http, headers: refusal.headers ?? {} })
    const reply = replyOf(exchange, step)
    if (!exchange.stream) return Response.json(protocol.whole(reply))
    return new Response(bytes(protocol.stream(reply)), { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
  }

  const server = Bun.serve({ hostname: options.hostname ?? '127.0.0.1', port: options.port ?? 0, idleTimeout: 0, maxRequestBodySize: REQUEST_LIMIT, fetch: answer })
  return {
    url: `http://${options.hostname ?? '127.0.0.1'}:${server.port}`,
    requests: () => seen,
    waitFor: (predicate, signal) => new Promise((resolve, reject) => {
      const found = seen.find(predicate)
      if (found !== undefined) { resolve(found); return }
      const onAbort = (): void => { waiters.delete(waiter); reject(new Error(`no such request among ${seen.length}`)) }
      const waiter = (request: ModelRequest): void => {
        if (!predicate(request)) return
        waiters.delete(waiter)
        signal?.removeEventListener('abort', onAbort)
        resolve(request)
      }
      waiters.add(waiter)
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
    }),
    close: async () => { await server.stop(true) },
  }
}

function parseJson(text: string): unknown {
  try { return JSON.parse(text) } catch { return {} }
}

function protocolOf(path: string): Protocol | null {
  if (path.endsWith('/messages')) return { parse: parseMessages, whole: wholeMessage, stream: streamMessage, error: messagesError }
  if (path.endsWith('/responses')) return { parse: parseResponses, whole: wholeResponse, stream: streamResponse, error: openaiError }
  if (path.endsWith('/chat/completions')) return { parse: parseChat, whole: wholeChat, stream: streamChat, error: openaiError }
  const gemini = /\/models\/([^/:]+):(streamGenerateContent|generateContent)$/.exec(path)
  if (gemini === null) return null
  const request = { model: gemini[1] ?? '', stream: gemini[2] === 'streamGenerateContent' }
  return { parse: (body) => parseGemini(body, request), whole: wholeGemini, stream: streamGemini, error: geminiError }
}

function plainAnswer(path: string): Response {
  if (path.endsWith('/messages/count_tokens')) return Response.json({ input_tokens: 100 })
  if (path.endsWith(':countTokens')) return Response.json({ totalTokens: 100 })
  if (path.endsWith('/models')) return Response.json({ object: 'list', data: [{ id: 'mock-model', object: 'model', created: 0, owned_by: 'berth' }] })
  return Response.json({ error: { type: 'not_found_error', message: `nothing at ${path}` } }, { status: 404 })
}

function stepOf(scenarios: Scenarios, exchange: Exchange, { selected, told }: { selected: Selected | null } & Pick<ScenarioContext, 'told'>): Step {
  if (exchange.wantsJson) return [{ text: '{}' }]
  if (selected === null) return [{ text: 'ok' }]
  const scenario = scenarios[selected.name]
  if (scenario === undefined) return [{ text: `no scenario is called ${selected.name}` }]
  return scenario({ argument: selected.argument, cwd: workingDirectory(exchange), told })[selected.step] ?? [{ text: 'script over' }]
}

function refusalOf(refusals: Map<string, number>, step: Step, selected: Selected | null): Extract<Step[number], { http: number }> | null {
  const block = step.find((candidate) => 'http' in candidate)
  if (block === undefined || !('http' in block)) return null
  const key = JSON.stringify(selected)
  const refused = refusals.get(key) ?? 0
  if (refused >= block.times) return null
  refusals.set(key, refused + 1)
  return block
}

const TOKENS_READ = 100
const randomId = (prefix: string): string => `${prefix}_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`
function replyOf(exchange: Exchange, step: Step): Reply {
  const blocks = step.flatMap((block): ReplyBlock[] => {
    if ('text' in block) return [{ kind: 'text', text: block.text, chunkMs: block.chunkMs ?? 0, pieces: block.pieces ?? 3 }]
    if ('thinking' in block) return [{ kind: 'thinking', text: block.thinking }]
    if ('tool' in block) return [{ kind: 'tool', id: randomId('toolu'), delayMs: block.delayMs ?? 0, ...callOf(exchange.tools, block) }]
    return []
  })
  return { id: randomId('msg'), model: exchange.model, tokensRead: step.flatMap((block) => ('tokensRead' in block ? [block.tokensRead] : [])).at(-1) ?? TOKENS_READ, blocks }
}

function bytes(frames: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const next = await frames.next()
      if (next.done === true) controller.close()
      else controller.enqueue(encoder.encode(next.value))
    },
    async cancel() { await frames.return(undefined) },
  })
}
