/** The words for what agents do: verb and icon of a call, the question of an approval. */
import type { ApprovalAsk } from '@berth/wire'
import { inert } from './inert.ts'

interface Words { readonly verb: string; readonly doing: string; readonly icon: string }
const words = (verb: string, doing: string, icon: string): Words => ({ verb, doing, icon })
const TOOLS: Record<string, Words> = {
  Bash: words('Run', 'Running', 'i-run'),
  Read: words('Read', 'Reading', 'i-read'),
  Grep: words('Search', 'Searching', 'i-search'),
  Glob: words('Find', 'Finding', 'i-search'),
  LS: words('List', 'Listing', 'i-read'),
  Edit: words('Edit', 'Editing', 'i-edit'),
  MultiEdit: words('Edit', 'Editing', 'i-edit'),
  NotebookEdit: words('Edit', 'Editing', 'i-edit'),
  Write: words('Write', 'Writing', 'i-edit'),
  WebFetch: words('Fetch', 'Fetching', 'i-globe'),
  WebSearch: words('Search', 'Searching', 'i-globe'),
  Task: words('Delegate', 'Delegating', 'i-branch'),
  Agent: words('Delegate', 'Delegating', 'i-branch'),
  Skill: words('Use', 'Using', 'i-read'),
  ToolSearch: words('Look for tools', 'Looking for tools', 'i-search'),
  TodoWrite: words('Plan', 'Planning', 'i-check'),
  TaskCreate: words('Plan', 'Planning', 'i-check'),
  TaskUpdate: words('Plan', 'Planning', 'i-check'),
  TaskList: words('Plan', 'Planning', 'i-check'),
  TaskGet: words('Plan', 'Planning', 'i-check'),
  AskUserQuestion: words('Ask', 'Asking', 'i-comment'),
  ExitPlanMode: words('Plan', 'Planning', 'i-check'),
}

/** Of our own server; each agent writes the two names together in its own way. */
const OWN: Record<string, Words> = {
  notify: words('Told you', 'Telling you', 'i-comment'),
  ask_user: words('Asked you', 'Asking you', 'i-comment'),
  ask_person: words('Asked you', 'Asking you', 'i-comment'),
  open_preview: words('Opened a preview', 'Opening a preview', 'i-globe'),
  request_review: words('Asked for a review', 'Asking for a review', 'i-comment'),
  report_status: words('Reported', 'Reporting', 'i-comment'),
}

/** Of a tool that nobody here knows its own name, which an agent may choose. */
export function toolWords(name: string): Words {
  if (Object.hasOwn(TOOLS, name)) return TOOLS[name] as Words
  const [, server = '', tool = ''] = /^mcp__(.+?)__(.+)$/.exec(name) ?? /^(?:mcp_)?(berth)[._/](.+)$/.exec(name) ?? []
  if (server === 'berth' && Object.hasOwn(OWN, tool)) return OWN[tool] as Words
  const said = inert(tool === '' ? name : `${server}: ${tool}`)
  return words(said, said, 'i-run')
}

/** Calls that only look; a row of them is one row. */
export function onlyLooks(name: string): boolean {
  return name === 'Read' || name === 'Grep' || name === 'Glob' || name === 'LS'
}

/** Calls that only keep the agent's list, which stands above where one speaks. */
export function onlyPlans(name: string): boolean {
  return name === 'TodoWrite' || /^Task(?:Create|Update|List|Get)$/.test(name)
}

/** Titles come as `Tool: object`; the verb stands apart. */
export function objectOf(name: string, title: string): string {
  if (title.startsWith(`${name}: `)) return title.slice(name.length + 2)
  const { verb } = toolWords(name)
  const lower = title.toLowerCase()
  for (const word of [verb.toLowerCase(), name.toLowerCase()]) if (lower.startsWith(`${word} `) || lower.startsWith(`${word}: `)) return title.slice(word.length + 1).trim()
  return lower === name.toLowerCase() ? '' : title
}

const YES = { permission: 'Allowed', question: 'Answered', plan: 'Accepted' }
const NO = { permission: 'Denied', question: 'Declined', plan: 'Sent back' }
/** What was done about a question, in one word. */
export function verdictOf(kind: ApprovalAsk['kind'], behavior: 'allow' | 'deny' | null): string {
  return (behavior === 'deny' ? NO : YES)[kind]
}

/** A question that a person can answer. */
export function questionOf(ask: Pick<ApprovalAsk, 'tool' | 'kind' | 'title' | 'input' | 'cwd'>): string {
  if (ask.kind === 'plan') return 'Go ahead with this plan?'
  if (ask.kind === 'question') {
    const { questions } = ask.input
    return Array.isArray(questions) && questions.length > 1 ? `${questions.length} questions` : objectOf(ask.tool, ask.title)
  }
  if (typeof ask.input['command'] === 'string') return ask.tool === 'Bash' ? 'Run this command?' : `Use ${ask.tool} with this?`
  const path = pathOf(ask)
  if (path === null && Object.hasOwn(TOOLS, ask.tool)) return `${toolWords(ask.tool).verb} ${objectOf(ask.tool, ask.title)}?`
  // Agents make one name of a server and its tool, which nobody reads.
  if (path === null && ask.title === ask.tool) return `Use ${toolWords(ask.tool).verb}?`
  return path === null ? `${ask.title.charAt(0).toUpperCase()}${ask.title.slice(1)}?` : `${toolWords(ask.tool).verb} ${path}?`
}

export function pathOf({ input, cwd }: Pick<ApprovalAsk, 'input' | 'cwd'>): string | null {
  const path = input['file_path'] ?? input['notebook_path'] ?? input['path']
  if (typeof path !== 'string' || path === '') return null
  return cwd !== null && path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path
}
