import { afterEach, describe, expect, it } from 'bun:test'
import { startScriptedModel, type ScriptedModel } from './index.ts'
import { select, type Turn } from './scenario.ts'

const open: ScriptedModel[] = []
afterEach(async () => { for (const model of open.splice(0)) await model.close() })
async function model(options: Parameters<typeof startScriptedModel>[0] = {}): Promise<ScriptedModel> {
  const started = await startScriptedModel(options)
  open.push(started)
  return started
}
const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> => fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })

const claudeTools = [
  { name: 'Write', input_schema: { properties: { file_path: {}, content: {} }, required: ['file_path', 'content'] } },
  { name: 'Bash', input_schema: { properties: { command: {}, description: {} }, required: ['command'] } },
]
const messages = (history: unknown[], more = {}): unknown => ({ model: 'm', tools: claudeTools, system: 'Working directory: /w\n', messages: history, ...more })

describe('step selection', () => {
  const check = (turns: readonly [Turn['role'], string][]): unknown => select(turns.map(([role, text]) => ({ role, text })))
  it('starts at the first step', () => { expect(check([['user', 'do [[work]]']])).toEqual({ name: 'work', argument: '', step: 0 }) })
  it('counts assistant turns, not tool results or people', () => {
    expect(check([['user', '[[count 50]]'], ['assistant', 'a'], ['assistant', '<Bash>'], ['tool', 'x'], ['assistant', 'b'], ['user', 'go on']])).toEqual({ name: 'count', argument: '50', step: 2 })
  })
  it('lets the last marker win', () => { expect(check([['user', '[[work]]'], ['assistant', 'a'], ['user', 'now [[ask]] and [[plan]]']])).toEqual({ name: 'plan', argument: '', step: 0 }) })
  it('repeats a call that was interrupted', () => {
    expect(check([['user', '[[ask]]'], ['assistant', '<Bash>'], ['tool', '[Tool call interrupted: the process ended]'], ['user', 'continue']])).toEqual({ name: 'ask', argument: '', step: 0 })
  })
  it('does not repeat a call that a person refused', () => {
    expect(check([['user', '[[ask]]'], ['assistant', '<Bash>'], ['tool', 'the tool use was rejected']])).toEqual({ name: 'ask', argument: '', step: 1 })
  })
  it('finds nothing without a marker', () => { expect(check([['user', 'hello']])).toBeNull() })
})

describe('the Anthropic protocol', () => {
  it('answers whole, with the arguments the agent offers and paths in its directory', async () => {
    const { url } = await model()
    const reply = await (await post(`${url}/v1/messages?beta=true`, messages([{ role: 'user', content: 'do [[work]]' }]))).json() as { content: Record<string, unknown>[]; stop_reason: string }
    expect(reply.stop_reason).toBe('tool_use')
    expect(reply.content[1]).toMatchObject({ type: 'tool_use', name: 'Write', input: { file_path: '/w/hello.txt', content: 'alpha\nbeta\n' } })
  })
  it('streams the events in order', async () => {
    const { url } = await model()
    const text = await (await post(`${url}/v1/messages`, messages([{ role: 'user', content: '[[think]]' }], { stream: true }))).text()
    const types = [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1])
    expect(types[0]).toBe('message_start')
    expect(types.slice(-2)).toEqual(['message_delta', 'message_stop'])
    expect(text).toContain('"signature_delta"')
  })
  it('says ok to calls that offer no tools, and counts tokens', async () => {
    const { url } = await model()
    const reply = await (await post(`${url}/v1/messages`, messages([{ role: 'user', content: '[[work]]' }], { tools: [] }))).json() as { content: unknown[] }
    expect(reply.content).toEqual([{ type: 'text', text: 'ok' }])
    expect(await (await post(`${url}/v1/messages/count_tokens`, {})).json()).toEqual({ input_tokens: 100 })
  })
  it('refuses as often as the script says, then answers', async () => {
    const { url } = await model()
    const statuses = []
    for (let at = 0; at < 3; at++) statuses.push((await post(`${url}/v1/messages`, messages([{ role: 'user', content: '[[overloaded 2]]' }]))).status)
    expect(statuses).toEqual([529, 529, 200])
  })
})

describe('the other protocols', () => {
  it('speaks Responses, with a patch where the agent has only that', async () => {
    const { url } = await model()
    const body = { model: 'm', stream: true, instructions: '<cwd>/w</cwd>', tools: [{ type: 'custom', name: 'apply_patch' }, { type: 'function', name: 'exec_command', parameters: { properties: { cmd: {} } } }] }
    const write = await (await post(`${url}/v1/responses`, { ...body, input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: '[[work]]' }] }] })).text()
    expect(write).toContain('*** Add File: /w/hello.txt')
    const input = [{ role: 'user', content: '[[work]]' }, { type: 'custom_tool_call', name: 'apply_patch' }, { type: 'custom_tool_call_output', output: 'ok' }]
    const command = await (await post(`${url}/v1/responses`, { ...body, stream: false, input })).json() as { output: Record<string, unknown>[] }
    expect(command.output[1]).toMatchObject({ type: 'function_call', name: 'exec_command', arguments: JSON.stringify({ cmd: 'touch command-ran && cat hello.txt' }) })
  })
  it('speaks Chat Completions', async () => {
    const { url } = await model()
    const tools = [{ type: 'function', function: { name: 'write', parameters: { properties: { filePath: {}, content: {} } } } }]
    const body = { model: 'm', tools, messages: [{ role: 'system', content: 'Working directory: /w' }, { role: 'user', content: '[[work]]' }] }
    const whole = await (await post(`${url}/v1/chat/completions`, body)).json() as { choices: { finish_reason: string }[] }
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls')
    const text = await (await post(`${url}/v1/chat/completions`, { ...body, stream: true })).text()
    expect(text).toContain('filePath')
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true)
  })
  it('speaks Gemini', async () => {
    const { url } = await model()
    const body = { contents: [{ role: 'user', parts: [{ text: '[[ask]]' }] }], tools: [{ functionDeclarations: [{ name: 'run_shell_command', parametersJsonSchema: { properties: { command: {} } } }] }] }
    expect(JSON.stringify(await (await post(`${url}/v1beta/models/g:generateContent`, body)).json())).toContain('run_shell_command')
    expect(await (await post(`${url}/v1beta/models/g:streamGenerateContent?alt=sse`, body)).text()).toContain('"finishReason":"STOP"')
  })
})

describe('the server', () => {
  it('refuses upgrades with 426 and unknown paths with 404', async () => {
    const { url } = await model()
    expect((await fetch(`${url}/v1/responses`, { headers: { connection: 'Upgrade', upgrade: 'websocket' } })).status).toBe(426)
    expect((await fetch(`${url}/nothing`)).status).toBe(404)
  })
  it('lets a test wait for a request and see its credential', async () => {
    const { url, waitFor, requests } = await model()
    const waiting = waitFor((request) => request.headers['x-api-key'] === 'k')
    await post(`${url}/v1/messages`, messages([{ role: 'user', content: 'hello' }]), { 'x-api-key': 'k' })
    expect((await waiting).selected).toBeNull()
    expect(requests()).toHaveLength(1)
    expect(waitFor(() => false, AbortSignal.abort())).rejects.toThrow('no such request')
  })
})
