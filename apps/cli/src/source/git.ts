/** Runs git for a person's repository without running anything that the repository or its hooks could name. */
import { BerthError } from '@berth/wire/error'
import { clean } from '../clean.ts'

export interface GitOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** Output as it is, one character a byte: names need not be UTF-8. */
  readonly bytes?: boolean
  readonly signal: AbortSignal
  /** Called with each line git says about its progress. */
  readonly onProgress?: (line: string) => void
}
export interface GitResult { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Set when we run inside a hook or an alias of git; they would point git at another repository. */
const INHERITED = /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE|CONFIG_(COUNT|PARAMETERS|KEY_\d+|VALUE_\d+))$/
/** Never for us: hooks, watchers, pagers, background maintenance, signatures, moved references. */
const QUIET: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'], ['core.fsmonitor', 'false'], ['core.untrackedCache', 'false'], ['core.splitIndex', 'false'],
  ['gc.auto', '0'], ['maintenance.auto', 'false'], ['push.gpgSign', 'false'], ['push.followTags', 'false'], ['push.recurseSubmodules', 'no'],
  ['fetch.recurseSubmodules', 'false'], ['fetch.writeCommitGraph', 'false'], ['advice.detachedHead', 'false'], ['advice.addEmbeddedRepo', 'false'], ['core.safecrlf', 'false'],
]
const OUTPUT_LIMIT = 64 * 1024 * 1024

/** Settings travel in the environment: a token in argv could be read by every process. */
function gitConfigEnv(entries: readonly (readonly [string, string])[]): Record<string, string> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(entries.length) }
  entries.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  })
  return env
}

export async function tryGit(args: readonly string[], options: GitOptions & { config?: readonly (readonly [string, string])[] }): Promise<GitResult> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name, value]) => value !== undefined && !INHERITED.test(name)))
  const env = { ...inherited, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', ...gitConfigEnv([...QUIET, ...(options.config ?? [])]), ...options.env }
  let child: ReturnType<typeof spawnGit>
  try {
    child = spawnGit(args, { ...options, env })
  } catch (cause) {
    throw new BerthError('unsupported', 'git is missing', { hint: 'install git (2.30 or newer)', cause })
  }
  const ended = Promise.all([readText(child.stdout, options.bytes), readLines(child.stderr, options.onProgress), child.exited])
  const [stdout, stderr, code] = await orGivenUp(ended, options.signal)
  if (options.signal.aborted) throw new BerthError('cancelled', 'cancelled')
  return { code, stdout, stderr }
}

/** Git ends when it is told to, but what it started (a transport that still sends) may hold its pipes for long. */
const GIVE_UP_MS = 1000
async function orGivenUp<T>(ended: Promise<T>, signal: AbortSignal): Promise<T> {
  const cancelled = Promise.withResolvers<never>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const onAbort = (): void => { timer = setTimeout(() => cancelled.reject(new BerthError('cancelled', 'cancelled')), GIVE_UP_MS) }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([ended, cancelled.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    ended.catch(() => undefined)
  }
}

export async function git(args: readonly string[], options: GitOptions & { config?: readonly (readonly [string, string])[] }): Promise<string> {
  const result = await tryGit(args, options)
  if (result.code === 0) return result.stdout
  throw new BerthError('clone_refused', `git ${args[0]}: ${lastWords(result.stderr)}`, { details: { exitCode: result.code } })
}

/** Names as git reads and writes them with `-z`, one character a byte. */
export const fieldsOf = (output: string): string[] => output.split('\0').filter(Boolean)
export const fieldsFor = (names: readonly string[]): Uint8Array => Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1')

/** What git says last is what stopped it; progress and advice stand before. */
export function lastWords(stderr: string): string {
  const lines = clean(stderr).split(/[\n\r]/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('hint:'))
  // Progress of the other side also begins with `remote:`; what ssh says has no mark at all, and stands before.
  const telling = lines.filter((line) => /^(fatal|error|remote|!|ssh:|.*(Permission denied|Host key verification))/.test(line) && !/\d+% \(|^(fatal: Could not read from|remote: (Resolving|Counting|Compressing|Enumerating))/.test(line))
  // What the other side says is the reason, and stands before the list of what was therefore refused.
  const reasons = telling.filter((line) => /^remote: (error|fatal)/.test(line)).slice(0, 2)
  const last = (telling.length > 0 ? telling : lines).slice(-3).filter((line) => !reasons.includes(line))
  return [...reasons, ...last].join('; ').slice(0, 800) || 'no reason given'
}

function spawnGit(args: readonly string[], options: GitOptions & { env: Record<string, string | undefined> }) {
  const stdin = options.input === undefined ? ('ignore' as const) : new Blob([options.input as string | Uint8Array<ArrayBuffer>])
  return Bun.spawn(['git', ...args], { cwd: options.cwd, env: options.env, stdin, stdout: 'pipe', stderr: 'pipe', signal: options.signal })
}

async function readText(stream: ReadableStream<Uint8Array>, bytes = false): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > OUTPUT_LIMIT) throw new BerthError('too_large', `git answered more than ${OUTPUT_LIMIT} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString(bytes ? 'latin1' : 'utf8')
}

const STDERR_KEPT = 64 * 1024

async function readLines(stream: ReadableStream<Uint8Array>, onLine?: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream) {
    const piece = decoder.decode(chunk, { stream: true })
    text = (text + piece).slice(-STDERR_KEPT)
    const line = piece.split(/[\r\n]/).findLast((candidate) => candidate.trim() !== '')
    if (line) onLine?.(clean(line).trim())
  }
  return text
}
