/** A workspace as tools get it (stable) and as people read it: shape, word, colour. */
import type { AgentState, Approval, Workspace } from '@berth/wire'
import { PUSH_TOOL, pushFacts } from '@berth/wire/approval-rules'
import { perHour } from '@berth/wire/money'
import type { Preview } from '@berth/wire/previews'
import { cleanLine } from './clean.ts'
import type { Style } from './io.ts'
import { duration } from './words.ts'

/** What `up --json` and `list --json` print: the stable fields first, the whole record after. */
export function workspaceJson(workspace: Workspace, previews?: readonly Preview[]): Record<string, unknown> {
  const { id, name, phase, provider, webUrl, terminalUrl, ...rest } = workspace
  return { id, name, phase, provider, webUrl, terminalUrl, ssh: { command: `berth ssh ${name}`, host: `berth-${name}` }, ...(previews === undefined ? {} : { previews }), ...rest }
}

export type State = 'starting' | 'working' | 'needs you' | 'idle' | 'not signed in' | 'agent error' | 'stopping' | 'asleep' | 'stopped' | 'failed' | 'offline' | 'deleted'

export function stateOf(workspace: Pick<Workspace, 'phase' | 'needsYou' | 'agentState' | 'wantsLogin'>): State {
  const state = STATES[workspace.phase]
  if (workspace.needsYou > 0 && (state === 'idle' || state === 'asleep')) return 'needs you'
  if (state !== 'idle') return state
  // The machine runs: `berth sign-in` signs its agent in, and `berth attach` shows what else it wants.
  if (workspace.agentState === 'error') return workspace.wantsLogin === true ? 'not signed in' : 'agent error'
  return workspace.agentState === 'busy' ? 'working' : workspace.agentState === 'starting' ? 'starting' : 'idle'
}

/** `idle` is a machine that runs: what its agent does decides. */
const STATES: Record<Workspace['phase'], State> = {
  queued: 'starting', provisioning: 'starting', starting: 'starting', running: 'idle', recovery: 'idle', unreachable: 'offline', stopping: 'stopping',
  sleeping: 'asleep', stopped: 'stopped', failed: 'failed', deleting: 'stopping', deleted: 'deleted',
}
const SHAPE: Record<State, string> = { starting: '◌', working: '●', 'needs you': '■', idle: '○', 'not signed in': '■', stopping: '◌', asleep: '☾', stopped: '☾', 'agent error': '✗', failed: '✗', offline: '⊘', deleted: '·' }

export function stateWord(style: Style, state: State): string {
  const text = `${SHAPE[state]} ${state}`
  if (state === 'needs you' || state === 'not signed in') return style.yellow(text)
  if (state === 'working') return style.blue(text)
  if (state === 'failed' || state === 'agent error') return style.red(text)
  return state === 'idle' ? text : style.dim(text)
}

/** The state of one conversation. An agent without a login is no error: it waits for a person. */
export function sessionWord(style: Style, { state, wantsLogin }: { readonly state: AgentState; readonly wantsLogin?: boolean | undefined }): string {
  return state === 'error' && wantsLogin === true ? style.yellow('not signed in') : state
}

export function uptime(workspace: Workspace, now: number): string {
  const on = ['running', 'recovery', 'unreachable', 'stopping'].includes(workspace.phase)
  return on && workspace.startedAt !== null ? duration(Math.max(1000, now - workspace.startedAt)).replace(/ \d+ s$/, '') : '—'
}

/** What it costs an hour as it stands; said with more weight where nobody would expect it. */
export function costWords(style: Style, { cost }: Pick<Workspace, 'cost'>): string {
  if (cost === undefined) return '—'
  return cost.state === 'stopped' ? style.yellow(`${perHour(cost)} still billed`) : perHour(cost)
}

/** The ask as a person reads it: what it is called, then the command or the file it is about. */
export function askLines(approval: Pick<Approval, 'title' | 'tool' | 'input'>): string[] {
  const { command, file_path: path, url, plan } = approval.input
  const named = (value: unknown): boolean => typeof value === 'string' && !approval.title.includes(value)
  // A title often names its file or address; a command stands below it in any case.
  const about = [command, ...[path, url].filter(named), plan].find((value): value is string => typeof value === 'string')
  // The server's own question about a push is a list of facts.
  if (approval.tool === PUSH_TOOL) return [cleanLine(approval.title), ...pushFacts(approval.input).flatMap(({ name, lines: [first = '', ...rest] }) => [`${cleanLine(name)}: ${cleanLine(first)}`, ...rest.map((line) => `  ${cleanLine(line)}`)])]
  const lines = about === undefined ? [] : about.split('\n').slice(0, 20).map((line) => cleanLine(line, 2000))
  return [cleanLine(approval.title) || cleanLine(approval.tool), ...lines.filter((line) => line !== cleanLine(approval.title))]
}
