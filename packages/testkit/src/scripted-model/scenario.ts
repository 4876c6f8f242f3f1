/** What the scripted model says: scenarios are lists of steps, a step is one answer of the model. */

export type Block =
  | { readonly text: string; /** Pause between pieces of the text; absent: at once. */ readonly chunkMs?: number; readonly pieces?: number }
  | { readonly thinking: string }
  /** The answer says that it read so many tokens; absent: 100. */
  | { readonly tokensRead: number }
  /** `tool` is abstract (write, edit, bash, question, plan, todo) or the name of a tool the agent offers. */
  | { readonly tool: string; readonly input: Readonly<Record<string, unknown>>; readonly delayMs?: number }
  /** The endpoint refuses this step so many times before it answers. */
  | { readonly http: number; readonly times: number; /** What the error says. */ readonly words: string; readonly headers?: Readonly<Record<string, string>> }

export type Step = readonly Block[]
export interface ScenarioContext {
  /** What stands after the name in the marker: `[[count 50]]` → `50`. */
  readonly argument: string
  /** The agent's working directory as it told the model; null when it did not. */
  readonly cwd: string | null
  /** What the pattern's first group finds in the request, wherever the agent wrote it: a path it may write to, for one. */
  readonly told: (pattern: RegExp) => string | null
}
export type Scenario = (context: ScenarioContext) => readonly Step[]
export type Scenarios = Readonly<Record<string, Scenario>>

/** One message of the conversation, whatever the protocol calls it. */
export interface Turn { readonly role: 'user' | 'assistant' | 'tool'; readonly text: string }
export interface OfferedTool { readonly name: string; readonly properties: readonly string[]; readonly required: readonly string[]; /** Takes free text instead of arguments. */ readonly freeform: boolean }
/** One request to the model, in no protocol's words. */
export interface Exchange {
  readonly model: string
  readonly stream: boolean
  readonly system: string
  readonly turns: readonly Turn[]
  readonly tools: readonly OfferedTool[]
  /** The agent wants JSON back (an internal classifier), not an answer. */
  readonly wantsJson: boolean
}
export type ReplyBlock =
  | { readonly kind: 'text'; readonly text: string; readonly chunkMs: number; readonly pieces: number }
  | { readonly kind: 'thinking'; readonly text: string }
  | { readonly kind: 'tool'; readonly id: string; readonly name: string; readonly input: Readonly<Record<string, unknown>> | string; readonly delayMs: number }
export interface Reply { readonly id: string; readonly model: string; readonly tokensRead: number; readonly blocks: readonly ReplyBlock[] }

const MARKER = /\[\[([a-z][a-z0-9-]*)(?:\s+([^\]]*))?\]\]/g
/** How agents say that a call never ran to its end, as opposed to one that a person refused. */
const INTERRUPTED = /\binterrupted\b|\baborted\b/i
/** Agents put these into the history by themselves after a resume; no model said them. */
const SYNTHETIC = /^\s*(No response requested\.|\(no content\))?\s*$/

export interface Selected { readonly name: string; readonly argument: string; readonly step: number }

/**
 * Stateless: the last user text with a marker picks the scenario, the number of assistant turns after it picks the
 * step. So retries, resumes, forks and parallel sessions all find their place. A call that was interrupted does not
 * count: the model asks again.
 */
export function select(turns: readonly Turn[]): Selected | null {
  const merged = mergeRuns(turns)
  for (let index = merged.length - 1; index >= 0; index--) {
    const turn = merged[index]
    if (turn?.role !== 'user') continue
    const marker = [...turn.text.matchAll(MARKER)].at(-1)
    if (marker?.[1] === undefined) continue
    return { name: marker[1], argument: marker[2]?.trim() ?? '', step: stepAfter(merged.slice(index + 1)) }
  }
  return null
}

function mergeRuns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = []
  for (const turn of turns) {
    if (turn.role === 'assistant' && SYNTHETIC.test(turn.text)) continue
    const last = merged.at(-1)
    if (last?.role === turn.role) merged[merged.length - 1] = { role: turn.role, text: `${last.text}\n${turn.text}` }
    else merged.push(turn)
  }
  return merged
}

function stepAfter(after: readonly Turn[]): number {
  const assistants = after.filter((turn) => turn.role === 'assistant').length
  const lastAssistant = after.findLastIndex((turn) => turn.role === 'assistant')
  const result = after.slice(lastAssistant + 1).find((turn) => turn.role === 'tool')
  const repeated = lastAssistant >= 0 && result !== undefined && INTERRUPTED.test(result.text)
  return repeated ? assistants - 1 : assistants
}

const CWD = /(?:working directory|working in the directory|current directory|<cwd>)\s*:?\s*(\/[^\s<"'`]*)/i
export function workingDirectory(exchange: Exchange): string | null {
  const texts = [exchange.system, ...exchange.turns.filter((turn) => turn.role === 'user').map((turn) => turn.text)]
  for (const text of texts) {
    const found = CWD.exec(text)?.[1]
    if (found !== undefined) return found
  }
  return null
}
