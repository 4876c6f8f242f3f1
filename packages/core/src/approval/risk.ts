/** What a person should notice before saying yes: a hint, not a boundary (the boundary is the sandbox and the gateways). */
import { PUSH_TOOL } from '@berth/wire/approval-rules'
import { riskOfPush } from './push-question.ts'

export interface Risk { readonly level: 'low' | 'notice' | 'high'; readonly text: string | null; /** The parts of the command that say so. */ readonly marks?: string[] }

/**
 * Each after the one before it, on one line. One pattern with `.*` between its parts would say the same, and take
 * minutes over a command that a hostile agent wrote for it.
 */
const NETWORK = 'talks to the network'
type Rule = readonly [parts: readonly RegExp[], text: string]
const HIGH: readonly Rule[] = [
  [[/\brm\s+(?:-[a-zA-Z]*\s+)*-[a-zA-Z]*[rf]/], 'deletes files'],
  [[/\bfind\b/, /\s-delete\b/], 'deletes files'],
  [[/\bshred\b/], 'deletes files'],
  [[/\bgit(?=\s)/, /\spush\b/, /\s--force[\w-]*|\s-f\b|\s--delete\b|\s\+/], 'rewrites a remote branch'],
  [[/\bgit(?=\s)/, /\s(?:reset\s+--hard|clean\s+-[a-z]*f|checkout\s+--\s|restore\s)/], 'throws uncommitted work away'],
  [[/\b(?:curl|wget)\b/, /\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/], 'runs a script from the network'],
  [[/\bsudo\b|\bsu\s+-/], 'asks for root'],
  [[/\b(?:drop|truncate)\s+(?:table|database|schema)\b/i], 'deletes data from a database'],
  [[/\bmkfs\b/], 'writes to a disk device'],
  [[/\bdd\s/, /\bof=\/dev\//], 'writes to a disk device'],
]
const NOTICE: readonly Rule[] = [
  [[/\bgit(?=\s)/, /\spush\b/], 'sends commits away'],
  [[/\b(?:npm|pnpm|yarn|bun)\s+publish\b|\bcargo\s+publish\b|\btwine\s+upload\b/], 'publishes a package'],
  [[/\b(?:npm|pnpm|yarn|bun|pip3?|uv|cargo|apt|apt-get|gem|go)\s+(?:add|install|i|get)\b/], 'installs packages'],
  [[/\b(?:curl|wget|ssh|scp|rsync|nc)\b/], NETWORK],
  [[/\bchmod\b|\bchown\b/], 'changes who may use files'],
]

/** As the daemon shortens what is too long for an event. What was left out is run with the rest. */
const LEFT_OUT = /… \d+ characters left out …/
const UNSEEN = 'is too long to be shown whole'
const withUnseen = ({ text, marks = [] }: Risk): Risk => ({ level: 'high', text: text === null ? UNSEEN : `${UNSEEN}, ${text}`, marks })

const LOOKS = new Set(['Read', 'Grep', 'Glob', 'LS'])
/** `known`: hosts that were allowed here before; absent: nobody looked. */
export function riskOf(tool: string, input: Readonly<Record<string, unknown>>, cwd: string | null, known?: ReadonlySet<string>): Risk {
  if (tool === PUSH_TOOL) return riskOfPush(input)
  const { command } = input
  // Whatever the tool is called: a server that the agent brings along names its own.
  if (typeof command === 'string') return LEFT_OUT.test(command) ? withUnseen(riskOfCommand(command, cwd, known)) : riskOfCommand(command, cwd, known)
  const path = input['file_path'] ?? input['notebook_path'] ?? input['path']
  if (typeof path !== 'string') return tool === 'WebFetch' || tool === 'WebSearch' ? { level: 'notice', text: networkText(hostsIn(String(input['url'] ?? '')), known) } : { level: 'low', text: null }
  return riskOfPath(path, LOOKS.has(tool), cwd)
}

function riskOfPath(path: string, looks: boolean, cwd: string | null): Risk {
  const outside = looks ? 'looks outside the working directory' : 'outside the working directory'
  if (!looks && /(?:^|\/)\.git\/|(?:^|\/)\.(?:bashrc|profile|zshrc|npmrc)$|(?:^|\/)\.github\/workflows\//.test(path)) return { level: 'high', text: 'changes what runs later by itself' }
  if (cwd !== null && path.startsWith('/') && !`${path}/`.startsWith(`${cwd.replace(/\/+$/, '')}/`)) return { level: 'notice', text: outside }
  return path.split('/').includes('..') ? { level: 'notice', text: outside } : { level: 'low', text: null }
}

function riskOfCommand(command: string, cwd: string | null, known: ReadonlySet<string> | undefined): Risk {
  const lines = command.split('\n')
  const [high, notice] = [found(HIGH, lines), found(NOTICE, lines)]
  const hosts = hostsIn(command)
  const outside = writesOutside(lines, cwd)
  const network = notice.texts.includes(NETWORK) && (high.texts.length === 0 || hosts.length > 0) ? [networkText(hosts, known)] : []
  const others = high.texts.length > 0 ? high.texts : notice.texts.filter((text) => text !== NETWORK)
  const texts = [...others, ...network, ...(outside.length > 0 ? ['reaches outside the working directory'] : [])]
  if (texts.length === 0) return { level: 'low', text: null }
  return { level: high.texts.length > 0 ? 'high' : 'notice', text: texts.join(', '), marks: [...new Set([...high.marks, ...notice.marks, ...outside])].slice(0, MARKS_LIMIT) }
}

function networkText(hosts: readonly string[], known: ReadonlySet<string> | undefined): string {
  return hosts.length === 0 ? NETWORK : `talks to ${hosts.map((host) => (known === undefined || known.has(host) ? host : `${host}, a new host here`)).join(', ')}`
}

function found(rules: readonly Rule[], lines: readonly string[]): { texts: string[]; marks: string[] } {
  const hits = rules.flatMap(([parts, text]) => lines.flatMap((line) => {
    const mark = follow(line, parts)
    return mark === null ? [] : [{ text, mark }]
  }))
  return { texts: [...new Set(hits.map(({ text }) => text))], marks: hits.map(({ mark }) => mark.trim()).filter((mark) => mark !== '') }
}

/** What the last part found, which is what makes it risky; null: it does not fit. */
function follow(line: string, parts: readonly RegExp[]): string | null {
  let rest = line
  let mark = ''
  for (const part of parts) {
    const hit = part.exec(rest)
    if (hit === null) return null
    mark = hit[0]
    rest = rest.slice(hit.index + hit[0].length)
  }
  return mark
}

const WRITES = />|\b(?:tee|cp|mv|ln|install|mkdir|touch|rm|rmdir|rsync|dd|truncate|chmod|chown|sed\s+-i)\b/
/** A path that begins a word: from the root, from the home, or up and away. */
const FAR_PATH = /(?:^|[\s=>"'])((?:\/|~\/|\.\.\/)[^\s"'`;|&<>()]*)/g
const HARMLESS = /^\/dev\/(?:null|stdout|stderr|tty|fd\/)/
function writesOutside(lines: readonly string[], cwd: string | null): string[] {
  const within = (path: string): boolean => cwd !== null && `${path}/`.startsWith(`${cwd.replace(/\/+$/, '')}/`) && !path.split('/').includes('..')
  return lines.slice(0, LINES_LIMIT).filter((line) => WRITES.test(line)).flatMap((line) => [...line.slice(0, LINE_LIMIT).matchAll(FAR_PATH)].map(([, path = '']) => path).filter((path) => path.length > 1 && !HARMLESS.test(path) && !within(path)))
}

/** Hosts by their addresses, as a person would read them; what is built at run time is not seen. */
export function hostsIn(text: string): string[] {
  const found = [...text.slice(0, LINE_LIMIT).matchAll(/(?:\bhttps?:\/\/(?:[^\s/@"']{1,200}@)?|\b[\w.-]{1,64}@)([a-z0-9][a-z0-9.-]{0,251}[a-z0-9])/gi)]
  return [...new Set(found.map(([, host = '']) => host.toLowerCase()))].slice(0, HOSTS_LIMIT)
}
const MARKS_LIMIT = 8
const HOSTS_LIMIT = 4
const LINES_LIMIT = 200
const LINE_LIMIT = 8000
