/**
 * Rules of approvals that hold on both sides of the link: what a decision is bound to, what a person reads, and when
 * an answer given to a dead asker may be used once. Pure; the hash function comes from the caller's platform. No
 * run-time dependencies: the page carries a part of it.
 */
import type { Approval, ApprovalAsk, Decision } from './approval.ts'

/** Somebody must answer it. Orphaned: its asker is gone, and the answer wakes the agent. */
export function isUnanswered({ state }: Pick<Approval, 'state'>): boolean {
  return state === 'open' || state === 'orphaned'
}

/** How long an answer to an orphaned request may pre-approve the same request. The server's table has the same row. */
export const PREAPPROVAL_MS = 60 * 60_000

/** JSON with sorted keys and no spaces: the same value always gives the same text, whoever parsed it. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  // By code unit, as `sort` does without a comparer: locale must not matter.
  const sorted = fields.map(([name]) => name).sort()
  return `{${sorted.map((name) => `${JSON.stringify(name)}:${canonicalJson((value as Record<string, unknown>)[name])}`).join(',')}}`
}

export type ApprovalContent = Pick<ApprovalAsk, 'sessionId' | 'tool' | 'input' | 'cwd'>
/** `sha256` gives lower-case hex of the text's UTF-8. */
export function contentHashOf(content: ApprovalContent, sha256: (text: string) => string): string {
  const { sessionId, tool, input, cwd } = content
  return sha256(canonicalJson({ session: sessionId, tool, input, cwd }))
}

export interface EarlierAnswer { readonly contentHash: string; readonly decision: Decision; readonly ageMs: number; readonly used: boolean }
/**
 * An answer whose asker died answers a new request once, if that is the very same request and the answer is fresh.
 * A denial too: the person said no to exactly this.
 */
export function preapproves(answer: EarlierAnswer, request: { contentHash: string }): boolean {
  return !answer.used && answer.ageMs >= 0 && answer.ageMs <= PREAPPROVAL_MS && answer.contentHash === request.contentHash
}

/** The tool of the server's own question whether a push may leave, and the names of what the host would lose, or run. */
export const PUSH_TOOL = 'berth:push'
export const PUSH_WARNING = { deleted: 'is deleted', rewritten: 'is rewritten', runs: 'run by the host' } as const
const PUSH_FACTS: readonly string[] = [...Object.values(PUSH_WARNING), 'repository', 'refs', 'commits', 'files', 'checks']
/** What is said of a push, what matters most first: a database keeps no order. */
export function pushFacts(input: Readonly<Record<string, unknown>>): { readonly name: string; readonly lines: string[]; readonly warns: boolean }[] {
  const rank = (name: string): number => (PUSH_FACTS.includes(name) ? PUSH_FACTS.indexOf(name) : PUSH_FACTS.length)
  return Object.entries(input).toSorted(([one], [other]) => rank(one) - rank(other)).map(([name, value]) => ({ name, lines: String(value).split('\n'), warns: rank(name) < Object.keys(PUSH_WARNING).length }))
}

const TITLE_LIMIT = 200

type Input = Readonly<Record<string, unknown>>
const text = (input: Input, ...names: string[]): string | null => {
  for (const name of names) {
    const value = input[name]
    if (typeof value === 'string' && value !== '') return oneLine(value)
  }
  return null
}
const path = (input: Input): string => text(input, 'file_path', 'notebook_path', 'path') ?? 'a file'
const edit = (input: Input): string => `edit ${path(input)}`

/** By the tool's own name. A tool that is not here shows its name and the most telling part of its input. */
const TITLES: Readonly<Record<string, (input: Input) => string>> = {
  Bash: (input) => `run: ${text(input, 'command') ?? '(no command)'}`,
  Write: (input) => `write ${path(input)}`,
  Edit: edit,
  MultiEdit: edit,
  NotebookEdit: edit,
  Read: (input) => `read ${path(input)}`,
  WebFetch: (input) => `fetch ${text(input, 'url') ?? 'a page'}`,
  WebSearch: (input) => `search the web: ${text(input, 'query') ?? ''}`,
  ExitPlanMode: () => 'go ahead with the plan',
  AskUserQuestion: (input) => firstQuestion(input) ?? 'answer a question',
}

/** One line a person can answer. What the agent wrote is cut and cleaned, never trusted. */
export function approvalTitle(tool: string, input: Input): string {
  const title = Object.hasOwn(TITLES, tool) ? TITLES[tool] : undefined
  if (title !== undefined) return cut(title(input))
  return cut(`${oneLine(tool)}: ${text(input, 'file_path', 'path', 'command', 'url', 'query') ?? oneLine(canonicalJson(input))}`)
}

function firstQuestion(input: Readonly<Record<string, unknown>>): string | null {
  const questions: unknown = input['questions']
  if (!Array.isArray(questions)) return null
  const first: unknown = questions[0]
  if (typeof first !== 'object' || first === null || !('question' in first) || typeof first.question !== 'string') return null
  return oneLine(first.question)
}

/** Control characters, line breaks and direction overrides out: they could make a command look like another one. */
function oneLine(text: string): string {
  return text.slice(0, 4 * TITLE_LIMIT).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').replace(/ {2,}/g, ' ').trim()
}

/** Keeps head and tail: what matters in a command is as often at its end. */
function cut(text: string): string {
  const characters = Array.from(text)
  if (characters.length <= TITLE_LIMIT) return text
  const half = Math.floor((TITLE_LIMIT - 3) / 2)
  return `${characters.slice(0, half).join('')} … ${characters.slice(-half).join('')}`
}
