/** Tool calls: one line each on the line that ties everything; the rest unfolds. */
import { useSignal } from '@preact/signals'
import type { EventBody, WorkspaceId } from '@berth/wire'
import { client, now } from '../state/session.ts'
import type { Writing } from '../state/stream.ts'
import type { ToolCard } from '../state/stream-view.ts'
import { testWords } from '../state/test-count.ts'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { duration, elapsed, plural } from '../ui/words.ts'
import { inert, shortened } from '../ui/inert.ts'
import { objectOf, onlyPlans, toolWords } from '../ui/tool-words.ts'
import { AnswerLine, type Asked } from './answered.tsx'

/** `tie`: the line that goes on above or below it. */
export function ToolLine({ card, answers, writing, tie, workspaceId }: { card: ToolCard; answers: readonly Asked[]; writing: Writing | undefined; tie: string; workspaceId: WorkspaceId }) {
  const whole = useSignal<string | null>(null)
  const failed = hasFailed(card)
  const live = card.status === 'running'
  const output = whole.value ?? outputOf(card, answers, live ? writing : undefined)
  const readWhole = async () => {
    // Events are numbered without holes, so the one after its predecessor is this one.
    const { events } = await client.listEvents({ id: workspaceId, after: card.seq - 1, limit: 1 })
    const body = events[0]?.body as (EventBody & { type: 'tool' }) | undefined
    if (body?.output) whole.value = body.output
  }
  const onToggle = (event: Event & { currentTarget: HTMLDetailsElement }) => {
    if (event.currentTarget.open && card.cut && whole.value === null) void readWhole().catch(() => undefined)
  }
  return (
    <details class={`tool ${tie} ${failed ? 'failed' : live ? 'live' : ''}`} open={failed || (live && writing !== undefined) || undefined} onToggle={onToggle}>
      <summary class={answers.length > 0 ? 'with-answer' : undefined}>
        <Verb card={card} failed={failed} />
        <span class="obj">{inert(shortPath(whatOf(card, answers)))}</span>
        <Result card={card} live={live} />
        {answers.map((answer) => <AnswerLine key={answer.key} card={answer} />)}
      </summary>
      <Unfolded card={card} output={output} live={live} />
    </details>
  )
}

function Verb({ card: { name, status }, failed }: { card: ToolCard; failed: boolean }) {
  const { verb, doing, icon } = toolWords(name)
  const shape = failed ? 'i-x' : status === 'running' ? 'st-working' : status === 'pending' ? 'st-idle' : icon
  return <><Icon name={shape} /><b>{status === 'running' ? doing : verb}</b></>
}

/** What was said to the agent with a no stands in the answer. */
function outputOf({ output }: ToolCard, answers: readonly Asked[], writing: Writing | undefined): string | null {
  const told = answers.some(({ behavior, message }) => behavior === 'deny' && (message ?? 'a person said no') === output)
  return told ? null : (writing?.text ?? output)
}

/** What ran; a person may have put another command in its place. */
function whatOf(card: ToolCard, answers: readonly Asked[] = []): string {
  const edited = answers.find(({ ask, given }) => ask.kind === 'permission' && given !== null)?.given
  return edited ?? card.command ?? card.path ?? objectOf(card.name, card.title)
}

function hasFailed({ status, tests }: ToolCard): boolean {
  return status === 'failed' || status === 'denied' || (tests !== null && tests.failed > 0)
}

/** More than the line itself shows when it is unfolded. */
const LONG_COMMAND = 180
function Unfolded({ card, output, live }: { card: ToolCard; output: string | null; live: boolean }) {
  return (
    <div class="unfolded">
      {card.command !== null && card.command.length > LONG_COMMAND && <pre class="out" tabIndex={0}>{inert(card.command)}</pre>}
      {card.diffs.map((diff) => diff.patch !== null && <Patch key={diff.path} text={diff.patch} />)}
      {output && <Output text={output} live={live} />}
    </div>
  )
}

function Result({ card, live }: { card: ToolCard; live: boolean }) {
  return (
    <span class="result">
      {card.diffs.length === 1 ? card.diffs.map((diff) => <Delta key={diff.path} added={diff.added} removed={diff.removed} />) : null}
      {card.tests ? <span class={card.tests.failed > 0 ? 'minus' : ''}>{testWords(card.tests)}</span> : card.status === 'failed' || card.status === 'denied' ? card.status : null}
      {live ? <Running since={card.at} /> : card.status === 'pending' ? 'waits' : card.durationMs !== null && card.diffs.length === 0 && card.status === 'completed' ? <span>{duration(card.durationMs)}</span> : null}
    </span>
  )
}

function Running({ since }: { since: number }) {
  return <span>{elapsed(now.value - since)}</span>
}

const READ_LINES = 400
/** The end of long output is what matters; all of it is one tap away. */
function Output({ text, live }: { text: string; live: boolean }) {
  const all = useSignal(false)
  const { shown, hidden } = shortened(inert(text), all.value ? Infinity : live ? 12 : READ_LINES)
  return (
    <>
      {hidden > 0 && <button type="button" class="btn quiet more" onClick={() => (all.value = true)}>{plural(hidden, 'line')} more</button>}
      <pre class="out" tabIndex={0}>{shown}</pre>
    </>
  )
}

function Patch({ text }: { text: string }) {
  const mark: Record<string, string> = { '+': 'a', '-': 'd', '@': 'h' }
  const { shown } = shortened(inert(text), 300)
  return <pre class="out patch" tabIndex={0}>{shown.split('\n').map((line, index) => <span key={index} class={mark[line[0] ?? ''] ?? ''}>{line || ' '}</span>)}</pre>
}

/** The workspace's own directory says nothing. */
export function shortPath(text: string): string {
  return text.replace(/^\/(?:workspace|home\/[^/]+\/workspace)\//, '')
}

/** A row of calls that only looked. */
export function Looks({ cards, tie }: { cards: readonly ToolCard[]; tie: string }) {
  const [only] = cards
  if (only && onlyPlans(only.name)) return <PlanChanges cards={cards} tie={tie} />
  const files = cards.filter(({ name }) => name === 'Read')
  const searches = cards.length - files.length
  const took = cards.reduce((sum, card) => sum + (card.durationMs ?? 0), 0)
  const [what, rest] = files.length > 0 ? [plural(files.length, 'file'), searches > 0 ? `, ${plural(searches, 'search', 'searches')}` : ''] : [plural(searches, 'time'), '']
  return (
    <details class={`tool ${tie}`}>
      <summary>
        <Icon name={files.length > 0 ? 'i-read' : 'i-search'} />
        <b>{files.length > 0 ? 'Read' : 'Search'}</b>
        <span class="obj">{cards.length === 1 && only ? inert(shortPath(whatOf(only))) : <>{what}{inert(commonPlace(files))}{rest}</>}</span>
        <span class="result">{took > 0 ? duration(took) : ''}</span>
      </summary>
      <ul class="unfolded looks">
        {cards.map((card) => <li key={card.key}>{toolWords(card.name).verb} <code>{inert(shortPath(card.path ?? objectOf(card.name, card.title)))}</code></li>)}
      </ul>
    </details>
  )
}

/** The list itself stands elsewhere; here only that it was changed. */
function PlanChanges({ cards, tie }: { cards: readonly ToolCard[]; tie: string }) {
  return (
    <details class={`tool ${tie}`}>
      <summary><Icon name="i-check" /><b>Plan</b><span class="obj">{plural(cards.length, 'change')}</span></summary>
      <ul class="unfolded looks">{cards.map((card) => <li key={card.key}>{inert(card.output?.split('\n')[0] ?? card.title)}</li>)}</ul>
    </details>
  )
}

function commonPlace(cards: readonly ToolCard[]): string {
  const paths = cards.map(({ path, name, title }) => shortPath(path ?? objectOf(name, title)).split('/').slice(0, -1))
  let common = paths[0] ?? []
  for (const path of paths) {
    let same = 0
    while (same < common.length && common[same] === path[same]) same += 1
    common = common.slice(0, same)
  }
  return common.join('/') === '' ? '' : ` in ${common.join('/')}`
}
