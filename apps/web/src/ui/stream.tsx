import type { ComponentChild, VNode } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { isWaiting, type Card, type StreamView } from '../state/stream-view.ts'
import { ApprovalCard } from './approval-card.tsx'
import { duration, Icon } from './icon.tsx'
import { inert } from './inert.ts'
import { Prose } from './prose.tsx'
import { Steps } from './steps.tsx'
import { objectOf, toolWords } from './tool-words.ts'

/** So near to the end counts as being there. */
const NEAR_PX = 60

/** Everything is tied to one line; the newest stands at the bottom and stays in sight while the reader is there. */
export function Stream({ view, news, children }: { view: StreamView; news: string; children?: ComponentChild }) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useSignal(true)
  const toEnd = () => box.current?.scrollTo(0, box.current.scrollHeight)
  useLayoutEffect(() => {
    if (atEnd.peek()) toEnd()
  }, [view, children])
  const onScroll = () => {
    const element = box.current
    if (element) atEnd.value = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
  }
  return (
    <div class="scrolled">
      {/* The log itself is silent: every changed card would be read out. What matters is said by the status line. */}
      <div class="scroll" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" aria-label="What happened">
        <div class="stream">
          {rows(view.cards)}
          {children}
        </div>
      </div>
      <p class="unseen" role="status">{inert(news)}</p>
      {!atEnd.value && <button type="button" class="btn jump" onClick={toEnd}><Icon name="i-down" /> Latest</button>}
    </div>
  )
}

/** Cards are replaced when they change, so one that is the same object need not be drawn again. */
const drawn = new WeakMap<Card, VNode>()

function rows(cards: readonly Card[]): VNode[] {
  const { waiting, answered, calls } = sortApprovals(cards)
  // A call whose approval is open is shown by the question alone.
  const asked = new Set(waiting.map(({ ask }) => ask.toolCallId))
  const list: VNode[] = []
  let steps: (Card & { kind: 'step' })[] = []
  const endSteps = () => {
    if (steps.length > 0) list.push(<Steps key={`steps:${steps[0]?.key}`} steps={steps} />)
    steps = []
  }
  const add = (card: Exclude<Card, { kind: 'step' }>) => {
    const row = drawn.get(card) ?? <CardView key={card.key} card={card} />
    drawn.set(card, row)
    list.push(row)
  }
  for (const card of cards) {
    if (card.kind === 'step') {
      steps.push(card)
      continue
    }
    if (card.kind === 'prompt' && card.status === 'accepted') continue
    // What waits to be said stands between the steps of getting ready and does not end them.
    if (card.kind !== 'prompt') endSteps()
    if (card.kind === 'approval') {
      if (!isWaiting(card) && !(card.ask.toolCallId !== null && calls.has(card.ask.toolCallId))) add(card)
    } else if (card.kind === 'tool') {
      for (const approval of answered.get(card.callId) ?? []) add(approval)
      if (!asked.has(card.callId)) add(card)
    } else add(card)
  }
  endSteps()
  for (const card of waiting) add(card)
  return list
}

type ApprovalOf = Card & { kind: 'approval' }

/** An agent asks before the call itself is told: the answer stands with its call, and what is open at the end. */
function sortApprovals(cards: readonly Card[]): { waiting: ApprovalOf[]; answered: Map<string, ApprovalOf[]>; calls: Set<string> } {
  const waiting: ApprovalOf[] = []
  const answered = new Map<string, ApprovalOf[]>()
  const calls = new Set<string>()
  for (const card of cards) {
    if (card.kind === 'tool') calls.add(card.callId)
    if (card.kind !== 'approval') continue
    if (isWaiting(card)) waiting.push(card)
    else if (card.ask.toolCallId !== null) answered.set(card.ask.toolCallId, [...(answered.get(card.ask.toolCallId) ?? []), card])
  }
  return { waiting, answered, calls }
}

function CardView({ card }: { card: Exclude<Card, { kind: 'step' }> }) {
  switch (card.kind) {
    case 'said':
      return <Prose text={card.text} class={card.who === 'user' ? 'said' : card.who === 'agent' ? 'text' : 'text dim'} />
    case 'prompt':
      return <div class="said pending" dir="auto"><p>{inert(card.text)}</p><span class="meta">{PROMPT_WORDS[card.status] ?? card.status}</span></div>
    case 'tool':
      return <ToolLine card={card} />
    case 'approval':
      return <ApprovalCard card={card} />
    case 'turn':
      return <TurnEnd card={card} />
    case 'notice':
      return <p class={`notice ${card.tone}`}><b>{inert(card.text)}</b> {card.hint}</p>
  }
}

const PROMPT_WORDS: Record<string, string> = { queued: 'waits for the agent', sent: 'on its way', ambiguous: 'maybe not received; look before you send it again', refused: 'not taken' }

function ToolLine({ card }: { card: Card & { kind: 'tool' } }) {
  const failed = card.status === 'failed' || card.status === 'denied'
  const live = card.status === 'running' || card.status === 'pending'
  const { verb, icon } = toolWords(card.name)
  const object = inert(card.command ?? objectOf(card.name, card.title))
  return (
    <details class={`tool ${failed ? 'failed' : live ? 'live' : ''}`} open={failed || undefined}>
      <summary>
        <Icon name={failed ? 'i-x' : live ? 'st-working' : icon} />
        <b>{verb}</b>
        <span class="obj">{object}</span>
        <span class="result">
          {card.diffs.map((diff) => <Delta key={diff.path} added={diff.added} removed={diff.removed} />)}
          {failed ? card.status : live ? 'running' : duration(card.durationMs)}
        </span>
      </summary>
      <div class="unfolded">
        {card.diffs.map((diff) => diff.patch !== null && <Patch key={diff.path} text={diff.patch} />)}
        {card.output && <pre class="out" tabIndex={0}>{inert(card.output)}</pre>}
      </div>
    </details>
  )
}

function Patch({ text }: { text: string }) {
  const mark: Record<string, string> = { '+': 'a', '-': 'd' }
  return <pre class="out patch" tabIndex={0}>{inert(text).split('\n').map((line, index) => <span key={index} class={mark[line[0] ?? ''] ?? ''}>{line || ' '}</span>)}</pre>
}

function Delta({ added, removed }: { added: number; removed: number }) {
  return <span class="delta" role="img" aria-label={`${added} added, ${removed} removed`}><span class="plus">+{added}</span><span class="minus">−{removed}</span></span>
}

const OUTCOMES: Record<string, { icon: string; words: string }> = {
  done: { icon: 'i-check', words: 'Turn done' },
  interrupted: { icon: 'i-stop', words: 'Interrupted' },
  error: { icon: 'i-x', words: 'Ended with an error' },
}

function TurnEnd({ card }: { card: Card & { kind: 'turn' } }) {
  const { icon, words } = OUTCOMES[card.outcome] ?? { icon: 'i-stop', words: card.outcome }
  return (
    <p class={`turn ${card.outcome}`}>
      <Icon name={icon} />
      <b>{words}</b>
      {card.files > 0 && <span>{card.files} {card.files === 1 ? 'file' : 'files'} <Delta added={card.added} removed={card.removed} /></span>}
      <span class="grow" />
      <span>{duration(card.durationMs)}</span>
    </p>
  )
}
