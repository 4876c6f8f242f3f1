/** What is asked, all of it. */
import type { ApprovalAsk } from '@berth/wire'
import { Command, Prose } from '../ui/prose.tsx'
import { inert } from '../ui/inert.ts'
import { pathOf } from '../ui/tool-words.ts'

export function AskContent({ ask, marks = [] }: { ask: Pick<ApprovalAsk, 'input' | 'kind' | 'cwd'>; /** Parts of the command to notice. */ marks?: readonly string[] }) {
  const { command, plan, content, old_string: before, new_string: after } = ask.input
  if (ask.kind === 'question') return null
  if (ask.kind === 'plan' && typeof plan === 'string') return <Prose text={plan} class="plan" />
  if (typeof command === 'string') return <Command text={command} marks={marks} />
  if (typeof before === 'string' && typeof after === 'string') return <Replacement before={before} after={after} />
  if (typeof content === 'string' && pathOf(ask) !== null) return <div class="ask-diff"><div class="a"><Command text={content} /></div></div>
  const rest = Object.entries(ask.input)
  // The sentence above names it already.
  if (rest.length === 0 || (rest.length === 1 && pathOf(ask) !== null)) return null
  if (rest.every(([, value]) => typeof value === 'string')) return <dl class="facts">{rest.map(([name, value]) => <div key={name}><dt>{inert(name)}</dt><dd>{inert(String(value))}</dd></div>)}</dl>
  return <Command text={JSON.stringify(ask.input, null, 2)} />
}

function Replacement({ before, after }: { before: string; after: string }) {
  return (
    <div class="ask-diff">
      {before !== '' && <div class="d"><Command text={before} /></div>}
      {after !== '' && <div class="a"><Command text={after} /></div>}
    </div>
  )
}
