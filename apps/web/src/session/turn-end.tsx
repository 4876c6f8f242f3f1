import type { WorkspaceId } from '@berth/wire'
import { linkTo, pathTo } from '../state/session.ts'
import type { TurnCard } from '../state/stream-view.ts'
import { testWords } from '../state/test-count.ts'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { shortNumber, duration, money, plural, timeOf } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'

const OUTCOMES: Record<string, { icon: string; words: string }> = {
  done: { icon: 'i-check', words: 'Turn done' },
  interrupted: { icon: 'i-stop', words: 'Interrupted' },
  error: { icon: 'i-x', words: 'Ended with an error' },
}

const GONE = { icon: 'i-history', words: 'Taken back' }

/** Closes the line: what the turn came to, and the way to its changes. */
export function TurnEnd({ card, headline, number, workspaceId }: { card: TurnCard; headline: string | null; number: number | null; workspaceId: WorkspaceId }) {
  const { icon, words } = card.gone ? GONE : OUTCOMES[card.outcome] ?? { icon: 'i-stop', words: card.outcome }
  return (
    <article class={`turn ${card.outcome}`} aria-label={words}>
      <div class="hd">
        <h3 dir="auto"><Icon name={icon} /><Headline words={words} said={headline} gone={card.gone ?? false} /></h3>
        {card.message && card.outcome === 'error' && <p class="cause">{inert(card.message)}</p>}
        <p class="facts-row">
          <Facts card={card} />
        </p>
      </div>
      <div class={`ft ${card.files > 0 ? 'with-way' : ''}`}>
        <span>{number === null ? '' : `Turn ${number}, `}<time dateTime={new Date(card.at).toISOString()}>{timeOf(card.at)}</time></span>
        {card.files > 0 && !card.gone && <a {...linkTo(pathTo(workspaceId, 'changes'))}>Review <Icon name="i-next" /></a>}
      </div>
    </article>
  )
}

function Headline({ words, said, gone }: { words: string; said: string | null; gone: boolean }) {
  if (said === null) return <>{words}</>
  return gone ? <span>{words}: <s>{inert(said)}</s></span> : <>{inert(said)}</>
}

function Facts({ card }: { card: TurnCard }) {
  return (
    <>
      {card.files > 0 && <span>{plural(card.files, 'file')} <Delta added={card.added} removed={card.removed} /></span>}
      {card.tests && <span class={card.tests.failed > 0 ? 'minus' : 'plus'}><Icon name={card.tests.failed > 0 ? 'i-x' : 'i-check'} />{testWords(card.tests)}</span>}
      {card.durationMs !== null && <span>{duration(card.durationMs)}</span>}
      {card.costMicros !== null ? <span>{money(card.costMicros)}</span> : card.tokens > 0 ? <span>{shortNumber(card.tokens)} tokens</span> : null}
    </>
  )
}
