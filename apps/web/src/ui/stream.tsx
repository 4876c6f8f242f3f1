import { useEffect, useRef } from 'preact/hooks'
import type { Card, StreamView } from '../state/stream-view.ts'
import { ApprovalCard } from './approval-card.tsx'
import { duration, Icon } from './icon.tsx'

/** Everything is tied to one line; the newest stands at the bottom and stays in sight while the reader is there. */
export function Stream({ view }: { view: StreamView }) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [view])
  const onScroll = () => {
    const element = box.current
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60
  }
  return (
    <div class="scroll" ref={box} onScroll={onScroll}>
      <div class="stream" aria-live="polite">
        {view.cards.map((card) => <CardView key={card.key} card={card} />)}
      </div>
    </div>
  )
}

function CardView({ card }: { card: Card }) {
  switch (card.kind) {
    case 'said':
      return card.who === 'agent' ? <p class="text">{card.text}</p> : <p class={card.who === 'user' ? 'said' : 'text dim'}>{card.text}</p>
    case 'prompt':
      return card.status === 'accepted' ? null : <p class="said pending">{card.text}<span class="meta">{card.status}</span></p>
    case 'tool':
      return <ToolLine card={card} />
    case 'approval':
      return <ApprovalCard card={card} />
    case 'step':
      return <StepLine card={card} />
    case 'turn':
      return (
        <p class="turn meta">
          <Icon name={card.outcome === 'done' ? 'i-check' : 'i-stop'} />
          {card.outcome === 'done' ? 'Turn done' : card.outcome === 'interrupted' ? 'Interrupted' : 'Ended with an error'} {duration(card.durationMs)}
        </p>
      )
    case 'notice':
      return <p class={`notice ${card.tone}`}><b>{card.text}</b> {card.hint}</p>
  }
}

const ICONS: Record<string, string> = { Read: 'i-read', Grep: 'i-search', Glob: 'i-search', Edit: 'i-edit', Write: 'i-edit' }

function ToolLine({ card }: { card: Card & { kind: 'tool' } }) {
  const failed = card.status === 'failed' || card.status === 'denied'
  return (
    <details class={`tool ${failed ? 'failed' : ''}`} open={failed || undefined}>
      <summary>
        <Icon name={failed ? 'i-x' : (ICONS[card.name] ?? 'i-run')} />
        <b>{card.name}</b>
        <span class="obj">{card.title}</span>
        <span class="result">
          {card.diffs.map((diff) => <span key={diff.path} class="delta"><span class="plus">+{diff.added}</span><span class="minus">−{diff.removed}</span></span>)}
          {card.status === 'running' || card.status === 'pending' ? 'running' : failed ? card.status : duration(card.durationMs)}
        </span>
      </summary>
      {card.output && <pre class="out">{card.output}</pre>}
    </details>
  )
}

function StepLine({ card }: { card: Card & { kind: 'step' } }) {
  const icon = { done: 'i-check', failed: 'i-x' }[card.state] ?? 'st-starting'
  return (
    <div class={`step ${card.state}`}>
      <Icon name={icon} />
      <span class="grow">{card.title}</span>
      <span class="meta">{card.state === 'done' ? duration(card.durationMs) : card.state}</span>
      {card.state === 'failed' && card.detail && <pre class="out">{card.detail}</pre>}
    </div>
  )
}
