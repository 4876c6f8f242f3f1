/** The last lines of a workspace, as a tile shows them. Pure. */
import { shortPath } from '../session/tool-line.tsx'
import { isWaiting, type Card } from '../state/stream-view.ts'
import { inert } from '../ui/inert.ts'
import { objectOf, onlyPlans, questionOf, toolWords } from '../ui/tool-words.ts'

const LINES = 5
/** Their question stands beside them. */
const ASKING: readonly string[] = ['AskUserQuestion', 'ExitPlanMode']

/** `written`: what is being said at the moment. What waits for an answer is the last, in the place of its calls: it may have been told before the words that led to it. */
export function tileLines(cards: readonly Card[], written: readonly string[]): string[] {
  // How the machine came up is of interest until something is said in it.
  const begun = cards.some(({ kind }) => kind === 'said' || kind === 'tool')
  const waiting = cards.filter(isWaiting)
  const about = new Set(waiting.map(({ ask }) => ask.toolCallId))
  const past = cards.filter((card) => !(begun && card.kind === 'step') && !isWaiting(card) && !(card.kind === 'tool' && about.has(card.callId)))
  const now = written.map((text) => inert(text).trim().split('\n').at(-1) ?? '')
  return [...past.map(lineOf), ...now, ...waiting.map(lineOf)].filter((line) => line !== '').slice(-LINES)
}

function lineOf(card: Card): string {
  switch (card.kind) {
    case 'said': return inert(card.text).trim().split('\n')[0] ?? ''
    case 'tool': return onlyPlans(card.name) || ASKING.includes(card.name) ? '' : `${toolWords(card.name).verb} ${inert(shortPath(card.command ?? card.path ?? objectOf(card.name, card.title))).split('\n')[0]}`
    case 'turn': return card.outcome === 'done' ? 'Turn done' : card.outcome
    case 'approval': return `${card.state === 'open' ? 'Asks' : 'Asked'}: ${inert(questionOf(card.ask))}`
    case 'step': return `${inert(card.title)}: ${card.state}`
    case 'notice': return inert(card.text)
    case 'prompt': return ''
  }
}
