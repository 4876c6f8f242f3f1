/**
 * A driver for an agent that is spoken to by a protocol: it joins the agent's voice with what every conversation needs
 * (record, prompts, questions, lives, state). The voice is another for each protocol; nothing here knows which.
 */
import { randomIds, type Decision, type PromptId } from '@berth/wire'
import type { AgentDriver, DriverDeps } from '../../../contracts.ts'
import { createCondition } from '../condition.ts'
import { wakeUp } from '../wake-up.ts'
import { createAsks } from './asks.ts'
import type { Ear, Voice } from './contracts.ts'
import { createLives } from './lives.ts'
import { createOutbox } from './outbox.ts'
import { createRecord } from './record.ts'
import { createShownAsk } from './shown-ask.ts'

/** `make` gets the ear before it may speak. */
export function createSpokenDriver(deps: DriverDeps, make: (ear: Ear) => Voice): AgentDriver {
  const over = new AbortController()
  const { voice, record, condition, asks, lives, say, interrupt, tellWhy } = join(deps, make, over.signal)
  return {
    name: voice.driver,
    sessionId: deps.assignment.agent.sessionId,
    async start(signal) {
      signal.throwIfAborted()
      await lives.start(() => { condition.assume(record.turn === null ? 'idle' : 'busy') })
      for (const orphan of asks.orphans()) if (orphan.decision !== null) void say(wakeUp(orphan, orphan.decision))
      condition.show()
    },
    state: () => condition.state(),
    prompt: say,
    interrupt: () => Promise.resolve({ interrupted: interrupt() }),
    async decide(answer) {
      const result = await asks.decide(answer)
      if (result.status === 'applied' || (result.status === 'kept' && !answer.orphaned)) tellWhy(answer.approvalId, answer.decision)
      return result
    },
    askedElsewhere() { condition.show() },
    activity: () => ({
      agent: condition.state(),
      turnProgressAgeMs: record.turn === null ? null : (record.progressAgeMs() ?? 0),
      backgroundTasks: 0,
      waitingSinceAgeMs: condition.waitingSinceAgeMs(),
    }),
    async stop() {
      over.abort()
      await voice.end()
      asks.orphanAll('the agent was stopped before it got an answer')
      record.cutOff()
      condition.enter('exited', 'stopped')
    },
    async release() {
      over.abort()
      await voice.release()
    },
  }
}

function join(deps: DriverDeps, make: (ear: Ear) => Voice, over: AbortSignal) {
  const { context, context: { journal }, assignment } = deps
  const { sessionId, kind, approvalMode } = assignment.agent
  const origin = deps.session.forkedFrom
  const now = (): number => Date.now()
  const show = (text: string): void => { voice.show?.(text) }
  /** The turn that a person interrupted: however the agent calls its end, that is what it was. */
  let interrupted: string | null = null

  const record = createRecord({ journal, sessionId, now, live: deps.live ?? (() => {}), show })
  const condition = createCondition({ journal, sessionId, now, asks: () => asks.waiting().length > 0 || deps.asksElsewhere?.() === true, changed: deps.changed })
  const asks = createAsks({
    journal, sessionId, now, run: () => lives.run, skips: approvalMode === 'skip', changed: () => { condition.show(); outbox.kick(); shownAsk.look() },
    tell: (asked, decision) => { voice.answer(asked, decision) },
    wake: (asked, decision) => { void say(wakeUp(asked, decision)) },
  })
  const shownAsk = createShownAsk({ waiting: asks.waiting, show })
  const lives = createLives({
    context, sessionId, now, over, condition, voice: () => voice,
    leaveBehind: (why) => {
      asks.orphanAll(why)
      record.cutOff()
      outbox.lost()
    },
  })
  const settle = (): void => {
    if (lives.waits || !lives.ready || condition.base === 'error') return
    const next = record.turn === null ? 'idle' : 'busy'
    if (condition.base !== next) condition.enter(next)
    outbox.kick()
  }
  const ear: Ear = {
    ...record,
    ready({ resumed, agentVersion }) {
      lives.opened()
      journal.append({ type: 'session.started', sessionId, agent: kind, driver: voice.driver, resumed, agentVersion }, { key: `session.${lives.run}` })
      condition.enter(record.turn === null ? 'idle' : 'busy')
      outbox.kick()
    },
    took(promptId, text) { outbox.took(promptId, text) },
    refused(promptId, detail) { outbox.refused(promptId, detail); settle() },
    turnStarted(turnId) { record.turnStarted(turnId); settle() },
    turnEnded(turnId, outcome, message) {
      record.turnEnded(turnId, interrupted === turnId ? 'interrupted' : outcome, message)
      settle()
    },
    asks: asks.asks,
    answered: asks.answered,
    withdrawn: asks.withdrawn,
    openAsks: asks.openAsks,
    noLogin(hint) { lives.noLogin(hint); show(`${hint}\n`) },
    unusable(why) { lives.unusable(why); show(`${why}\n`) },
    notice(text) { journal.append({ type: 'workspace.notice', level: 'warning', code: 'agent', message: text.slice(0, 2000), hint: null }) },
    ended({ code, why }) { lives.ended(code, why) },
    remember(name, value) { journal.set(`spoken.${sessionId}.${name}`, value) },
    recall: (name) => journal.get(`spoken.${sessionId}.${name}`),
    recallOrigin: (name) => (origin === null ? null : journal.get(`spoken.${origin}.${name}`)),
    typed(text) { typed(text) },
    pressedBreak() { interrupt() },
  }
  const voice = make(ear)
  const outbox = createOutbox({
    journal, sessionId, run: () => lives.run, tellsOnce: voice.tellsOnce, steers: voice.steers,
    free: () => lives.ready && !over.aborted && (record.turn === null || voice.steers) && asks.waiting().length === 0 && condition.base !== 'error' && condition.base !== 'exited',
    tell: (prompt) => { voice.prompt(prompt) },
  })
  const say: AgentDriver['prompt'] = async (prompt) => {
    if (lives.waits) void lives.begin()
    return outbox.submit(prompt)
  }
  const interrupt = (): boolean => {
    if (record.turn === null || !lives.ready) return false
    interrupted = record.turn
    asks.refuseAll()
    voice.interrupt()
    return true
  }
  /** A protocol with no place for the reason of a denial: it follows as words, once the turn allows. */
  const tellWhy = (approvalId: string, { behavior, message = '' }: Decision): void => {
    if (behavior === 'deny' && message !== '' && !voice.saysWhy) void outbox.submit(reasonOf(approvalId, asks.titleOf(approvalId), message))
  }
  /** At our own viewer: an answer while something is asked, else words for the agent. */
  const typed = (text: string): void => {
    const words = text.trim()
    const [, answer = '', why = ''] = /^(y|yes|n|no)\b[\s,:]*(.*)$/i.exec(words) ?? []
    const decision: Decision = { behavior: /^y/i.test(answer) ? 'allow' : 'deny', scope: 'once', ...(why === '' ? {} : { message: why }) }
    const isAnswer = answer !== '' && asks.waiting().length > 0
    const asked = isAnswer ? shownAsk.seen() : null
    if (asked !== null) {
      asks.answerHere(asked, decision)
      tellWhy(asked.approvalId, decision)
      shownAsk.look()
    } else if (isAnswer) {
      show('that one was answered already\n')
      shownAsk.look()
    }
    else if (words !== '') void say({ promptId: randomIds.prompt(), text: words })
  }
  return { voice, record, condition, asks, lives, say, interrupt, tellWhy }
}

/** The id follows from the approval, so it is told once even when the decision arrives twice. */
function reasonOf(approvalId: string, title: string, message: string): { promptId: PromptId; text: string } {
  return { promptId: approvalId.replace(/^apr_/, 'prm_') as PromptId, text: `A person denied this request (${title}) and said: ${message}` }
}
