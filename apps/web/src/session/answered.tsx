import { useSignal } from '@preact/signals'
import type { Card } from '../state/stream-view.ts'
import { Lazy } from '../shell/lazy.tsx'
import { askContent } from '../shell/parts.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { pathOf, toolWords, verdictOf } from '../ui/tool-words.ts'

export type Asked = Card & { kind: 'approval' }

/** One row on the line, as the calls beside it; what was asked unfolds. */
export function Answered({ card, tie }: { card: Asked; tie: string }) {
  const denied = card.behavior === 'deny'
  const opened = useSignal(false)
  const { verb } = toolWords(card.ask.tool)
  const { command } = card.ask.input
  const what = typeof command === 'string' ? command : card.ask.kind === 'permission' && !card.ask.tool.startsWith('berth:') ? `${verb} ${pathOf(card.ask) ?? ''}` : card.ask.title
  return (
    <details class={`tool ${tie} answered ${denied ? 'failed' : ''}`} onToggle={() => (opened.value = true)}>
      <summary>
        <Icon name={card.state === 'superseded' ? 'i-undo' : denied ? 'i-x' : 'i-check'} />
        <b>{verdict(card)}</b>
        <span class="obj">{inert(what)}</span>
        <span class="result">{card.state === 'decided' ? 'on its way to the agent' : card.given !== null ? 'edited' : ''}</span>
      </summary>
      <div class="unfolded">
        {card.message && <p class="meta">{inert(card.message)}</p>}
        {opened.value && <Lazy load={askContent} props={{ ask: card.ask }} name="What was asked" />}
      </div>
    </details>
  )
}

function verdict({ state, behavior, by, ask, session }: Asked): string {
  if (state === 'superseded') return 'Asked again below'
  const word = `${verdictOf(ask.kind, behavior)}${session ? ' for this session' : ''}`
  return by ? `${word} by ${by.who} on ${by.via}` : word
}

/** Under the call that was asked about: who answered, from where, and in which words. */
export function AnswerLine({ card }: { card: Asked }) {
  const words = card.ask.kind === 'permission' ? (card.given === null ? null : 'edited') : card.given
  return (
    <span class="answer">
      <Icon name={card.behavior === 'deny' ? 'i-x' : 'i-check'} />
      <span>{verdict(card)}{card.state === 'decided' ? ', on its way to the agent' : ''}{words ? `: ${inert(words)}` : ''}{card.message ? `: ${inert(card.message)}` : ''}</span>
    </span>
  )
}
