import { BerthError } from '@berth/wire/error'
import { command } from '../command.ts'
import { resolveSession, resolveWorkspace } from '../resolve.ts'

export const send = command({
  name: 'send',
  summary: 'Say something to the agent; wakes it when it sleeps',
  arguments: '<workspace> <text…>',
  options: { session: { type: 'string', short: 's', value: 'name', help: 'another session than the first; see `berth session list`' } },
  notes: 'With `-` as text, or none and a pipe, the text is read from standard input.',
  examples: ['berth send demo "now add a test for it"', 'berth send demo --session codex "look over it"', 'git diff | berth send demo -'],
  parse({ values, positionals }) {
    const [word, ...text] = positionals
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth send <workspace> <text>' })
    return { word, text: text.join(' '), which: values.session }
  },
  async run({ connect, io, json, signal }, { word, text, which }) {
    const fromPipe = text === '-' || (text === '' && process.stdin.isTTY !== true)
    const message = (fromPipe ? await Bun.stdin.text() : text).trimEnd()
    if (message === '') throw new BerthError('bad_request', 'say what?', { hint: `berth send ${word} "<text>"` })
    const { client } = await connect()
    const workspace = await resolveWorkspace(client, word, signal)
    const { id, name } = workspace
    const session = which === undefined ? undefined : (await resolveSession(client, workspace, which, signal)).id
    const { randomIds } = await import('@berth/wire')
    // Our own id makes a repeated request (a lost answer) the same message.
    const sent = await client.sendMessage({ id, text: message, promptId: randomIds.prompt(), ...(session === undefined ? {} : { session }) }, signal)
    if (json) return io.out(JSON.stringify(sent))
    if (sent.status === 'refused') throw new BerthError('agent_unavailable', sent.detail ?? 'the agent did not take the message', { hint: `see \`berth attach ${name}\`` })
    const words = { queued: 'Queued; the agent gets it when it can take it', accepted: 'The agent has it', held: 'Held until the agent can take it', ambiguous: 'Sent, but the agent did not acknowledge it', refused: '' }
    io.out(`${words[sent.status]}.${sent.detail ? ` ${io.style.dim(sent.detail)}` : ''}`)
  },
})
