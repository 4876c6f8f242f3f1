import { BerthError } from '@berth/wire/error'
import { command } from '../command.ts'
import { resolveWorkspace } from '../resolve.ts'

export const send = command({
  name: 'send',
  summary: 'Say something to the agent; wakes it when it sleeps',
  arguments: '<workspace> <text…>',
  notes: 'With `-` as text, or none and a pipe, the text is read from standard input.',
  examples: ['berth send demo "now add a test for it"', 'git diff | berth send demo -'],
  parse({ positionals }) {
    const [word, ...text] = positionals
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth send <workspace> <text>' })
    return { word, text: text.join(' ') }
  },
  async run({ connect, io, json, signal }, { word, text }) {
    const fromPipe = text === '-' || (text === '' && process.stdin.isTTY !== true)
    const message = (fromPipe ? await Bun.stdin.text() : text).trimEnd()
    if (message === '') throw new BerthError('bad_request', 'say what?', { hint: `berth send ${word} "<text>"` })
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    const { randomIds } = await import('@berth/wire')
    // Our own id makes a repeated request (a lost answer) the same message.
    const sent = await client.sendMessage({ id, text: message, promptId: randomIds.prompt() }, signal)
    if (json) return io.out(JSON.stringify(sent))
    if (sent.status === 'refused') throw new BerthError('agent_unavailable', sent.detail ?? 'the agent did not take the message', { hint: `see \`berth attach ${name}\`` })
    const words = { queued: 'Queued; the agent gets it when it can take it', accepted: 'The agent has it', held: 'Held: the agent waits for a decision first', ambiguous: 'Sent, but the agent did not acknowledge it', refused: '' }
    io.out(`${words[sent.status]}.${sent.detail ? ` ${io.style.dim(sent.detail)}` : ''}`)
  },
})
