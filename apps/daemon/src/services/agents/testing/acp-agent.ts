/**
 * The smallest agent that speaks ACP, for tests: `say WORD`, `flood N`, `ask FILE` (asks, then makes the file), `wait` (until it is
 * cancelled), `die`, `odd` (asks its client for what no client has). Without LOGIN in its environment nobody is signed in.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

interface Message { readonly id?: string | number; readonly method?: string; readonly params?: Record<string, never>; readonly result?: { outcome?: { optionId?: string } }; readonly error?: { code: number } }
const say = (message: unknown): void => { process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...(message as object) })}\n`) }
const update = (update: unknown): void => { say({ method: 'session/update', params: { sessionId: 's1', update } }) }
const memory = `${process.env['HOME'] ?? '/tmp'}/said.log`
const waiting = new Map<string, (message: Message) => void>()
let asked = 0
let cancel: (() => void) | null = null

const ask = (method: string, params: unknown): Promise<Message> => new Promise((resolve) => {
  const id = asked++
  waiting.set(String(id), resolve)
  say({ id, method, params })
})
const write = (out: string): void => { update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: out } }) }
/** Each says how the turn ended, if not as turns do. */
const VERBS: Readonly<Record<string, (word: string) => Promise<string | void> | void>> = {
  say: (word) => { for (const letter of word) write(letter) },
  // So many million characters that take two bytes each on the way.
  flood: (word) => { write('"'.repeat(Number(word) * 500_000)) },
  remember: () => { write(readFileSync(memory, 'utf8').split('\n').filter(Boolean).join(', ')) },
  die: () => process.exit(3),
  wait: () => new Promise((resolve) => { cancel = () => { resolve('cancelled') } }),
  odd: async () => { write(`refused with ${(await ask('x/odd', {})).error?.code ?? 0}`) },
  ask: async (word) => {
    const toolCall = { toolCallId: `call-${word}`, title: `touch ${word}`, kind: 'execute', status: 'pending' }
    const { result } = await ask('session/request_permission', { sessionId: 's1', toolCall, options: [{ optionId: 'a', name: 'Yes', kind: 'allow_once' }, { optionId: 'b', name: 'No', kind: 'reject_once' }] })
    if (result?.outcome?.optionId === undefined) return 'cancelled'
    if (result.outcome.optionId === 'a') {
      writeFileSync(word, 'made\n')
      update({ sessionUpdate: 'tool_call_update', toolCallId: toolCall.toolCallId, status: 'completed' })
    }
    write(result.outcome.optionId === 'a' ? 'made it' : 'left it')
  },
}
async function work(text: string): Promise<string> {
  const [verb = '', word = ''] = text.trim().split(' ')
  appendFileSync(memory, `${text}\n`)
  return (await VERBS[verb]?.(word)) ?? 'end_turn'
}

async function answer({ id, method, params }: Message): Promise<void> {
  switch (method) {
    case 'initialize': say({ id, result: { protocolVersion: 1, agentInfo: { name: 'small', version: '1.2.3' }, agentCapabilities: { loadSession: true } } }); return
    case 'session/new': say(process.env['LOGIN'] === undefined ? { id, error: { code: -32_000, message: 'Authentication required' } } : { id, result: { sessionId: 's1' } }); return
    case 'session/load':
      if (!existsSync(memory)) { say({ id, error: { code: -32_602, message: 'no such session' } }); return }
      // Answered first, told afterwards, as some do.
      say({ id, result: {} })
      update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'history' } })
      return
    case 'session/prompt': {
      const [part] = (params as unknown as { prompt: { text: string }[] }).prompt
      say({ id, result: { stopReason: await work(part?.text ?? ''), usage: { inputTokens: 7, outputTokens: 3 } } })
      return
    }
    case 'session/cancel': cancel?.(); return
    default: say({ id, error: { code: -32_601, message: 'unknown' } })
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Message
  if (message.method === undefined) waiting.get(String(message.id))?.(message)
  else void answer(message)
})
