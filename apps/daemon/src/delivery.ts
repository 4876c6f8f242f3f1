/** What people said and decided, to the session it is meant for. What comes before there is an agent is kept. */
import type { SessionId } from '@berth/wire'
import type { Assignment } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { AgentDriver } from './contracts.ts'
import type { OwnMcp } from './services/mcp/index.ts'
import type { Sessions } from './sessions.ts'

/** Without a session: for the main one. */
type Prompt = Parameters<AgentDriver['prompt']>[0] & { readonly sessionId?: SessionId }
type Answer = Parameters<AgentDriver['decide']>[0]

export interface Delivery {
  /** Said before there is an agent. It is in the server's next assignment too; the driver takes each once. */
  keepPrompt(prompt: Prompt): void
  keepDecision(decision: Answer): void
  /** To that session, now or when it runs. */
  say(sessionId: SessionId, prompt: Parameters<AgentDriver['prompt']>[0]): ReturnType<AgentDriver['prompt']>
  /** Whoever asked gets the answer. */
  decide(answer: Answer): ReturnType<AgentDriver['decide']>
  /** What is assigned and what was kept. A session that does not run yet keeps its own. */
  tell(assignment: Assignment): Promise<void>
}

/** What waits in memory. */
const EARLY_LIMIT = 200

/** `mcp`: questions that are asked by our own tools, and are no driver's. */
export function createDelivery(sessions: Pick<Sessions, 'main' | 'of' | 'all'>, mcp?: Pick<OwnMcp, 'decide'>): Delivery {
  const early = { prompts: new Map<string, Prompt>(), decisions: new Map<string, Answer>() }
  const decide: Delivery['decide'] = async (answer) => {
    const asked = mcp?.decide(answer) ?? null
    if (asked !== null) return asked
    for (const driver of sessions.all()) {
      const result = await driver.decide(answer)
      if (result.status !== 'unknown') return result
    }
    return { status: 'unknown' }
  }
  const say = async ({ sessionId, ...prompt }: Prompt): Promise<void> => {
    const driver = sessionId === undefined ? sessions.main : sessions.of(sessionId)
    if (driver === null) return
    early.prompts.delete(prompt.promptId)
    await driver.prompt(prompt)
  }
  const keepPrompt: Delivery['keepPrompt'] = (prompt) => {
    if (early.prompts.size >= EARLY_LIMIT) throw new BerthError('too_many', 'too many messages wait for the agent to start', { hint: 'wait until it runs' })
    early.prompts.set(prompt.promptId, prompt)
  }
  return {
    decide, keepPrompt,
    async say(sessionId, prompt) {
      const driver = sessions.of(sessionId)
      if (driver !== null) return driver.prompt(prompt)
      keepPrompt({ ...prompt, sessionId })
      return { status: 'held', detail: 'the agent is not running yet' }
    },
    keepDecision(decision) { if (early.decisions.size < EARLY_LIMIT) early.decisions.set(decision.approvalId, decision) },
    async tell(assignment) {
      if (sessions.main === null) return
      const decisions = [...assignment.decisions, ...early.decisions.values()]
      early.decisions.clear()
      for (const decision of decisions) await decide(decision)
      for (const prompt of [...assignment.prompts, ...early.prompts.values()]) await say(prompt)
      for (const { sessionId, prompts } of assignment.sessions ?? []) for (const prompt of prompts) await say({ ...prompt, sessionId })
    },
  }
}
