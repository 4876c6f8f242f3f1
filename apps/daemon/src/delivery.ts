/** What people said and decided, to the session it is meant for. What comes before there is an agent is kept. */
import type { SessionId } from '@berth/wire'
import type { Assignment } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { AgentDriver } from './contracts.ts'
import type { Sessions } from './sessions.ts'

/** Without a session: for the main one. */
type Prompt = Parameters<AgentDriver['prompt']>[0] & { readonly sessionId?: SessionId }
type Answer = Parameters<AgentDriver['decide']>[0]

export interface Delivery {
  /** Said before there is an agent. It is in the server's next assignment too; the driver takes each once. */
  keepPrompt(prompt: Prompt): void
  keepDecision(decision: Answer): void
  /** Whoever asked gets the answer. */
  decide(answer: Answer): ReturnType<AgentDriver['decide']>
  /** What is assigned and what was kept. A session that does not run yet keeps its own. */
  tell(assignment: Assignment): Promise<void>
}

/** What waits in memory. */
const EARLY_LIMIT = 200

export function createDelivery(sessions: Pick<Sessions, 'main' | 'of' | 'all'>): Delivery {
  const early = { prompts: new Map<string, Prompt>(), decisions: new Map<string, Answer>() }
  const decide: Delivery['decide'] = async (answer) => {
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
  return {
    decide,
    keepPrompt(prompt) {
      if (early.prompts.size >= EARLY_LIMIT) throw new BerthError('too_many', 'too many messages wait for the agent to start', { hint: 'wait until it runs' })
      early.prompts.set(prompt.promptId, prompt)
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
