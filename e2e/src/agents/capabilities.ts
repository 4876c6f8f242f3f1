/**
 * What each agent can do through its driver, as the suite of `contract.ts` finds it. A change of an agent or of its
 * driver that takes something away, or brings it, shows here and nowhere else.
 */
import type { AgentKind } from '@berth/wire'

export interface Capabilities {
  /** As in `session.started`; the version is the one that is pinned. */
  readonly driver: string
  readonly version: string
  /** Text is on a second screen before the message is stored. */
  readonly live: boolean
  /** Tools as people know them, in the order in which `[[work]]` calls them. */
  readonly tools: readonly string[]
  /** Changed files are shown as diffs with the call. */
  readonly diffs: boolean
  /** How the reason of a denial reaches the agent. */
  readonly reason: 'with the answer' | 'as words afterwards'
  /** It can ask a person something that is not a permission. */
  readonly questions: boolean
  /** What is said during a turn goes into it, waits for its end, or goes where the agent's own queue takes it. */
  readonly during: 'steers' | 'queues' | 'asks its own queue'
  /** Words of the program itself among those of the model. */
  readonly remarks?: RegExp
  /** Tokens are counted. */
  readonly usage: boolean
  /** A person at the terminal takes part in the same conversation, on the agent's own screen or on ours: what asks there, and the keys that say yes. */
  readonly screen: { readonly of: 'its own' | 'ours'; readonly asks: string; readonly yes: string }
  /** What it says of a model that refuses whoever has not paid; absent: the words of that model. */
  readonly inactive?: RegExp
  /** Without a login it says so; null: it works without one. */
  readonly withoutLogin: RegExp | null
}

const OURS = { of: 'ours', asks: 'type y, or n and why', yes: 'y\r' } as const

export const CAPABILITIES: Readonly<Record<Exclude<AgentKind, 'plain'>, Capabilities>> = {
  claude: {
    driver: 'claude-tui', version: '2.1.329', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'with the answer', questions: true,
    during: 'asks its own queue', usage: true, screen: { of: 'its own', asks: 'Do you want to proceed?', yes: '\r' }, withoutLogin: /no login here/,
  },
  'claude-headless': {
    driver: 'claude-headless', version: '2.1.329', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'with the answer', questions: true,
    during: 'steers', usage: true, screen: OURS, withoutLogin: /no login here/,
  },
  codex: {
    driver: 'codex-shared', version: '0.169.0', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'as words afterwards', questions: false,
    during: 'steers', usage: true, screen: { of: 'its own', asks: 'Would you like to run', yes: 'y' }, withoutLogin: /no login here/,
  },
  opencode: {
    // Without a login it uses the free models of its maker.
    driver: 'opencode-shared', version: '1.18.33', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'with the answer', questions: true,
    during: 'steers', usage: true, screen: { of: 'its own', asks: 'Permission required', yes: '\r' }, withoutLogin: null,
  },
  gemini: {
    driver: 'acp', version: '0.61.0', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'as words afterwards', questions: false,
    during: 'queues', usage: true, screen: OURS, withoutLogin: /no login here/,
  },
  qwen: {
    driver: 'acp', version: '0.24.4', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'as words afterwards', questions: false,
    during: 'queues', usage: true, screen: OURS, withoutLogin: /no login here/,
  },
  copilot: {
    // It passes over what the model says.
    driver: 'acp', version: '1.0.102', remarks: /^Info: \//, inactive: /Authentication failed with provider at \S+ \(HTTP 403\)/, live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'as words afterwards', questions: false,
    during: 'queues', usage: true, screen: OURS, withoutLogin: /no login here/,
  },
  acp: {
    // Shown with opencode, which speaks it too. Its own way is `opencode` above.
    driver: 'acp', version: '1.18.33', live: true, tools: ['Write', 'Bash', 'Edit'], diffs: true, reason: 'as words afterwards', questions: false,
    during: 'queues', usage: true, screen: OURS, withoutLogin: null,
  },
}
