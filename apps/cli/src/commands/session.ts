import type { Client } from '@berth/client'
import type { AgentKind, Session, SessionMode, Workspace } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from '../clean.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { sessionWord } from '../present.ts'
import { resolveSession, resolveWorkspace } from '../resolve.ts'
import { ago } from '../words.ts'

const options = {
  agent: { type: 'string', value: 'name', help: `with new: ${Object.keys(AGENT_KINDS).join(', ')} (default: that of the workspace)` },
  command: { type: 'string', value: 'line', help: 'with new: what acp and plain run; for others further arguments' },
  headless: { type: 'boolean', help: 'with new: without the screen of the agent' },
  title: { type: 'string', value: 'text', help: 'with new and fork: what to call it' },
  prompt: { type: 'string', short: 'p', value: 'text', help: 'with new and fork: the first thing to say' },
  to: { type: 'string', value: 'terminal|headless', help: 'with hand-over: where it goes on (default: the other one)' },
} as const

const ACTIONS = ['list', 'new', 'fork', 'hand-over', 'end'] as const
type Action = (typeof ACTIONS)[number]
interface Input { readonly action: Action; readonly word: string; readonly which: string | undefined; readonly agent: AgentKind | undefined; readonly command: string | undefined; readonly headless: boolean; readonly title: string | undefined; readonly prompt: string | undefined; readonly to: SessionMode | undefined }

export const session = command({
  name: 'session',
  summary: 'List, begin, fork, hand over and end the conversations of a workspace',
  arguments: `<${ACTIONS.join(' | ')}> <workspace> [session]`,
  options,
  notes: 'All sessions work on the same files, each with an agent of its own. A session is named by its number in the list, its title, its agent or its id; without one the first is meant. hand-over opens the screen of an agent that works without one, or closes it, and the conversation goes on; a turn that is under way is finished first.',
  examples: ['berth session list demo', 'berth session new demo --agent codex --prompt "review what was done"', 'berth send demo --session codex "and now the tests"', 'berth session fork demo --title "another way"', 'berth session hand-over demo 2 --to headless', 'berth session end demo codex'],
  parse({ values, positionals }): Input {
    const [action, word, which, ...more] = positionals
    if (!isAction(action)) throw new BerthError('bad_request', action === undefined ? 'list, new, fork, hand-over or end?' : `a session cannot "${action}"`, { hint: 'berth session list <workspace>' })
    if (!word) throw new BerthError('bad_request', 'which workspace?', { hint: `berth session ${action} <workspace>` })
    if (more.length > 0) throw new BerthError('bad_request', `"${more[0]}" is not expected here`)
    if (action === 'end' && which === undefined) throw new BerthError('bad_request', 'end which session?', { hint: `berth session list ${word}` })
    return { action, word, which, agent: agentFrom(values.agent), command: values.command, headless: values.headless ?? false, title: values.title, prompt: values.prompt, to: modeFrom(values.to) }
  },
  async run(context, input) {
    const { client } = await context.connect()
    const workspace = await resolveWorkspace(client, input.word, context.signal)
    await RUN[input.action]({ context, client, workspace, input })
  },
})

interface Run { readonly context: Context; readonly client: Client; readonly workspace: Workspace; readonly input: Input }

const RUN: Readonly<Record<Action, (run: Run) => Promise<void>>> = {
  async list({ context: { io, json, signal }, client, workspace }) {
    const [sessions, approvals] = await Promise.all([client.listSessions({ id: workspace.id }, signal), client.listApprovals({ workspace: workspace.id }, signal)])
    if (json) return io.out(JSON.stringify(sessions))
    const asks = (id: string) => approvals.filter(({ sessionId }) => sessionId === id).length
    const rows = sessions.map((one, index) => [String(index + 1), io.style.bold(cleanLine(one.title, 40)), one.agent, one.mode, asks(one.id) > 0 ? io.style.yellow(`needs you (${asks(one.id)})`) : sessionWord(io.style, one), ago(one.createdAt, Date.now()), cleanLine(one.detail ?? '', 60)])
    const [header = '', ...lines] = table([['', 'SESSION', 'AGENT', 'MODE', 'STATE', 'BEGAN', ''], ...rows], io.columns)
    io.out(io.style.dim(header))
    for (const line of lines) io.out(line)
  },
  async new({ context, client, workspace, input: { agent = workspace.agent, command: line, headless, title, prompt } }) {
    const { randomIds } = await import('@berth/wire')
    context.io.note(context.io.noteStyle.dim(`beginning ${AGENT_KINDS[agent].title}; its program is fetched first where it is not here yet`))
    // Our own id makes a repeated request (a lost answer) the same session.
    began(context, workspace, await client.addSession({ id: workspace.id, sessionId: randomIds.session(), agent, ...(line === undefined ? {} : { command: line }), ...(headless ? { mode: 'headless' as const } : {}), ...(title === undefined ? {} : { title }), ...(prompt === undefined ? {} : { prompt }) }, context.signal))
  },
  async fork({ context, client, workspace, input: { which, title, prompt } }) {
    const { randomIds } = await import('@berth/wire')
    const from = await resolveSession(client, workspace, which, context.signal)
    began(context, workspace, await client.forkSession({ id: workspace.id, session: from.id, sessionId: randomIds.session(), ...(title === undefined ? {} : { title }), ...(prompt === undefined ? {} : { prompt }) }, context.signal))
  },
  async 'hand-over'({ context: { io, json, signal }, client, workspace, input: { which, to } }) {
    const from = await resolveSession(client, workspace, which, signal)
    const there = await client.handOverSession({ id: workspace.id, session: from.id, to: to ?? (from.mode === 'terminal' ? 'headless' : 'terminal') }, signal)
    if (json) return io.out(JSON.stringify(there))
    io.out(there.mode === 'terminal' ? `${cleanLine(there.title)} goes on at its screen: \`berth attach ${workspace.name}${there.main ? '' : ` --session ${there.id}`}\`` : `${cleanLine(there.title)} goes on without a screen.`)
  },
  async end({ context: { io, json, signal }, client, workspace, input: { which } }) {
    const gone = await resolveSession(client, workspace, which, signal)
    const result = await client.endSession({ id: workspace.id, session: gone.id }, signal)
    io.out(json ? JSON.stringify(result) : `${cleanLine(gone.title)} is ended; what was said stays.`)
  },
}

function began({ io, json }: Context, { name }: Workspace, made: Session): void {
  if (json) return io.out(JSON.stringify(made))
  io.out(`${io.style.green('✓')} ${cleanLine(made.title)} begins (${made.id}). Say something: \`berth send ${name} --session ${made.id} "…"\``)
}

const isAction = (word: string | undefined): word is Action => ACTIONS.some((known) => known === word)

function agentFrom(word: string | undefined): AgentKind | undefined {
  if (word === undefined || Object.hasOwn(AGENT_KINDS, word)) return word as AgentKind | undefined
  throw new BerthError('bad_request', `there is no agent "${word}"`, { hint: Object.keys(AGENT_KINDS).join(', ') })
}

function modeFrom(word: string | undefined): SessionMode | undefined {
  if (word === undefined || word === 'terminal' || word === 'headless') return word
  throw new BerthError('bad_request', `--to is terminal or headless, not "${word}"`)
}
