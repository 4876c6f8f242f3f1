import type { Client } from '@berth/client'
import type { AgentKind, Workspace, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { BerthError } from '@berth/wire/error'
import { signInEnds, signInEndsIn } from '@berth/wire/sign-in-rules'
import { cleanLine } from '../clean.ts'
import { command, one } from '../command.ts'
import type { Context } from '../context.ts'
import { resolveWorkspace } from '../resolve.ts'

type SignIn = Awaited<ReturnType<Client['beginSignIn']>>

const LOOK_MS = 500

export const signIn = command({
  name: 'sign-in',
  summary: 'Sign an agent in, inside its workspace',
  arguments: '<workspace>',
  options: {
    agent: { type: 'string', value: 'name', help: 'which agent (default: that of the workspace)' },
    list: { type: 'boolean', help: 'say who is signed in, and until when' },
  },
  notes: "Runs the agent's own sign-in there and shows its address and code. The login stays in the workspace and is left out of what is saved.",
  examples: ['berth sign-in demo', 'berth sign-in demo --agent codex', 'berth sign-in demo --list'],
  parse: ({ values, positionals }) => ({ word: one(positionals, 'workspace', 'sign-in'), agent: agentFrom(values.agent), list: values.list ?? false }),
  async run(context, { word, agent, list }) {
    const { client } = await context.connect()
    const workspace = await resolveWorkspace(client, word, context.signal)
    await (list ? listLogins(context, client, workspace) : signAgentIn(context, client, { workspace, agent: agent ?? workspace.agent }))
  },
})

async function listLogins({ io, json, signal }: Context, client: Client, { id }: Workspace): Promise<void> {
  const logins = await client.listLogins({ id }, signal)
  if (json) return io.out(JSON.stringify(logins))
  const words = (signedIn: boolean | null) => (signedIn === null ? io.style.dim('cannot be told') : signedIn ? `${io.style.green('✓')} signed in` : `${io.style.yellow('○')} not signed in`)
  for (const { agent, signedIn, expiresAt } of logins) io.out(`${AGENT_KINDS[agent].title}  ${words(signedIn)}${until(io, expiresAt)}`)
}

async function signAgentIn(context: Context, client: Client, { workspace: { id, name }, agent }: { workspace: Workspace; agent: AgentKind }): Promise<void> {
  const { io, json, signal } = context
  const { title } = AGENT_KINDS[agent]
  const over = await followSignIn(context, client, { id, first: await client.beginSignIn({ id, agent }, signal) })
  if (json) io.out(JSON.stringify(over))
  if (over.state === 'failed') throw new BerthError('agent_unavailable', `${title} was not signed in: ${cleanLine(over.message ?? 'it did not say why', 400)}`, { hint: `look at its screen: \`berth attach ${name} --terminal ${over.terminalId}\`` })
  if (!json) io.out(`${io.style.green('✓')} ${title} is signed in in ${name}.`)
}

/** Says where to go, brings back what is brought back, and resolves when it is over. */
async function followSignIn(context: Context, client: Client, { id, first }: { id: WorkspaceId; first: SignIn }): Promise<SignIn> {
  const { io, signal } = context
  let [now, told, answered] = [first, '', false]
  while (now.state === 'running') {
    const words = wayIn(now)
    if (words !== told) io.note(words)
    told = words
    if (now.wantsAnswer && !answered && words !== '') {
      answered = true
      now = await client.answerSignIn({ id, text: await askAnswer(context) }, signal)
      continue
    }
    await Bun.sleep(LOOK_MS)
    signal.throwIfAborted()
    now = (await client.getSignIn({ id }, signal)).signIn ?? now
  }
  return now
}

const wayIn = ({ url, code }: SignIn): string => (url === null ? '' : `Open ${cleanLine(url, 4096)}${code === null ? '' : `\nand type the code ${cleanLine(code)}`}`)
function until(io: Context['io'], at: number | null): string {
  if (at === null) return ''
  const now = Date.now()
  return signInEnds(at, now) === 'later' ? `, until ${new Date(at).toLocaleString()}` : ` · ${io.style.yellow(`${signInEndsIn(at, now)} · sign in again`)}`
}

/** From the terminal or a pipe, never from the command line. */
async function askAnswer({ io }: Context): Promise<string> {
  io.note('Paste the code that the page gave you:')
  for await (const line of console) if (line.trim() !== '') return line.trim()
  throw new BerthError('bad_request', 'no code was given', { hint: 'run it again at a terminal' })
}

function agentFrom(word: string | undefined): AgentKind | undefined {
  if (word === undefined || Object.hasOwn(AGENT_KINDS, word)) return word as AgentKind | undefined
  throw new BerthError('bad_request', `there is no agent "${word}"`, { hint: Object.keys(AGENT_KINDS).join(', ') })
}
