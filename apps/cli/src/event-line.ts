/** One event as a line for people: time, what it is about, its words. Null for events that only programs need. */
import { knownBody, type EventBody, type StoredEvent } from '@berth/wire'
import { cleanLine } from './clean.ts'
import type { Style } from './io.ts'
import { sessionWord } from './present.ts'
import { duration } from './words.ts'

const TEXT = 2000

export function eventLine(style: Style, event: StoredEvent): string | null {
  const body = knownBody(event.body)
  const text = body ? wordsOf(style, body) : style.dim(cleanLine(event.body.type))
  if (text === null) return null
  return `${style.dim(`${String(event.seq).padStart(5)}  ${new Date(event.at).toTimeString().slice(0, 8)}`)}  ${text}`
}

function wordsOf<T extends EventBody['type']>(style: Style, body: Extract<EventBody, { type: T }>): string | null {
  // The table's row for a type takes the body of that type; the compiler cannot follow one through the other.
  return (WORDS[body.type] as (style: Style, body: EventBody) => string | null)(style, body)
}

type Words = { readonly [T in EventBody['type']]: (style: Style, body: Extract<EventBody, { type: T }>) => string | null }

const WORDS: Words = {
  'workspace.phase': (style, body) => `${style.bold(body.phase)}${rest(style, body.statusMessage ?? body.reason)}`,
  'workspace.step': stepWords,
  'workspace.notice': (style, body) => `${body.level === 'info' ? '·' : style.yellow('⚠')} ${cleanLine(body.message)}${rest(style, body.hint)}`,
  'daemon.connected': (style, body) => style.dim(`daemon ${cleanLine(body.version)} connected`),
  'session.started': (style, body) => `${cleanLine(body.agent)} ${body.resumed ? 'resumed' : 'started'}${rest(style, body.agentVersion)}`,
  'session.state': (style, body) => `${style.dim('agent')} ${sessionWord(style, body)}${rest(style, body.detail)}`,
  'session.changed': (style, body) => `${style.dim('session')} ${cleanLine(body.title === '' ? body.agent : body.title)} ${body.what.replace('-', ' ')} ${style.dim(`by ${cleanLine(body.by)}`)}`,
  login: (style, body) => `${cleanLine(body.agent)} ${body.state === 'signed-in' ? 'is signed in' : style.yellow('was not signed in')}`,
  message: messageWords,
  tool: toolWords,
  plan: (style, body) => body.entries.map(({ text, status }) => `${status === 'completed' ? style.green('✓') : status === 'in_progress' ? style.blue('●') : '○'} ${cleanLine(text, 120)}`).join('  '),
  prompt: (style, body) => `${style.blue('›')} ${cleanLine(body.text, TEXT)} ${style.dim(body.status)}${rest(style, body.detail)}`,
  'turn.started': () => null,
  'turn.ended': (style, body) => `${style.dim('turn')} ${body.outcome}${body.durationMs === null ? '' : style.dim(`  ${duration(body.durationMs)}`)}${rest(style, body.message)}`,
  usage: () => null,
  'approval.asked': (style, body) => `${style.yellow('■')} ${style.bold(cleanLine(body.ask.title))}  ${style.dim(`berth approve ${body.ask.approvalId}`)}`,
  'approval.decided': (style, body) => `${body.decision.behavior === 'allow' ? `${style.green('✓')} allowed` : `${style.red('✗')} denied`} ${style.dim(`by ${cleanLine(body.by.who)} on ${body.by.via}`)}${rest(style, body.decision.message)}`,
  'approval.applied': (style, body) => style.dim(`the agent was told: ${body.behavior} (${body.via})`),
  'approval.orphaned': (style, body) => `${style.yellow('■')} the question outlived its asker${rest(style, body.why)}`,
  'approval.superseded': (style) => style.dim('the question was asked again'),
  'report.status': (style, body) => `${style.dim('status')} ${cleanLine(body.text)}`,
  'report.notice': (style, body) => `${style.yellow('■')} ${style.bold(cleanLine(body.title))}${rest(style, body.text)}`,
  'report.preview': (_, body) => `preview of port ${body.port}${body.label === null ? '' : ` (${cleanLine(body.label)})`}: ${cleanLine(body.url)}`,
  port: (style, body) => `port ${body.port} ${body.state === 'open' ? 'answers' : 'closed'}${rest(style, body.process)}`,
  service: (_, body) => `service ${cleanLine(body.name)} ${body.state}${body.exitCode === null ? '' : ` (${body.exitCode})`}`,
  terminal: (style, body) => style.dim(`terminal ${cleanLine(body.title)} ${body.state}`),
  checkpoint: (style, body) => style.dim(`saved ${body.commit.slice(0, 10)}: ${body.files} files (${cleanLine(body.reason)})`),
  'review.changed': (style, body) => (body.detail === null ? null : `${style.dim('review')} ${cleanLine(body.detail)} ${style.dim(`by ${cleanLine(body.by)}`)}`),
  gap: (style, body) => `${style.yellow('⚠')} events ${body.from} to ${body.to} are missing${rest(style, body.why)}`,
}

function rest(style: Style, text: string | null | undefined): string {
  return text ? `  ${style.dim(cleanLine(text))}` : ''
}

function stepWords(style: Style, body: Extract<EventBody, { type: 'workspace.step' }>): string {
  const mark = { pending: style.dim('○'), started: style.blue('●'), done: style.green('✓'), failed: style.red('✗') }[body.state]
  return `${mark} ${cleanLine(body.title)}${body.durationMs === null ? '' : style.dim(`  ${duration(body.durationMs)}`)}${rest(style, body.detail)}`
}

function messageWords(style: Style, body: Extract<EventBody, { type: 'message' }>): string {
  const text = cleanLine(body.text, TEXT)
  if (body.role === 'user') return `${style.blue('›')} ${text}`
  return body.role === 'agent' ? text : style.dim(text)
}

function toolWords(style: Style, body: Extract<EventBody, { type: 'tool' }>): string {
  const mark = { pending: style.dim('○'), running: style.blue('●'), completed: style.green('✓'), failed: style.red('✗'), denied: style.red('✗') }[body.status]
  const changed = body.diffs.map(({ path, added, removed }) => `${cleanLine(path, 80)} +${added} −${removed}`).join(', ')
  return `${mark} ${style.dim(cleanLine(body.name, 40))} ${cleanLine(body.title, 200)}${changed ? style.dim(`  ${changed}`) : ''}${body.durationMs === null ? '' : style.dim(`  ${duration(body.durationMs)}`)}`
}
