/** What is asked, all of it. */
import type { ApprovalAsk } from '@berth/wire'
import { PUSH_TOOL } from '@berth/wire/approval-rules'
import { Command, Lines } from '../ui/command.tsx'
import { Prose } from '../ui/prose.tsx'
import { pathOf } from '../ui/tool-words.ts'
import { Facts, PushFacts } from './facts.tsx'

type Content = Pick<ApprovalAsk, 'input' | 'kind' | 'cwd'>
interface Props<A> { readonly ask: A; /** Parts of the command to notice. */ readonly marks?: readonly string[] }

export function AskContent({ ask, marks }: Props<Content & Pick<ApprovalAsk, 'tool'>>) {
  return ask.tool === PUSH_TOOL ? <PushFacts of={ask.input} /> : <AgentAsks ask={ask} {...(marks ? { marks } : {})} />
}

function AgentAsks({ ask, marks = [] }: Props<Content>) {
  const { command, plan, content, old_string: before, new_string: after } = ask.input
  if (ask.kind === 'question') return <Summary of={ask.input} />
  if (ask.kind === 'plan' && typeof plan === 'string') return <Prose text={plan} class="plan" />
  if (typeof command === 'string') return <><Command text={command} marks={marks} /><Rest of={ask.input} but={['command', 'description', 'timeout']} /></>
  // The sentence above names the file.
  const named = ['file_path', 'notebook_path', 'path'].find((name) => typeof ask.input[name] === 'string') ?? ''
  if (typeof before === 'string' && typeof after === 'string') return <><Replacement before={before} after={after} /><Rest of={ask.input} but={[named, 'old_string', 'new_string']} /></>
  if (typeof content === 'string' && pathOf(ask) !== null) return <><Replacement before="" after={content} /><Rest of={ask.input} but={[named, 'content']} /></>
  const rest = Object.entries(ask.input)
  // The sentence above names it already.
  if (rest.length === 0 || (rest.length === 1 && pathOf(ask) !== null)) return null
  if (rest.every(([, value]) => typeof value === 'string')) return <Facts of={rest.map(([name, value]) => [name, String(value)])} />
  return <Command text={JSON.stringify(ask.input, null, 2)} />
}

/** What a review is to be of; other questions say all in their title. */
function Summary({ of: { summary } }: { of: ApprovalAsk['input'] }) {
  return typeof summary === 'string' ? <Prose text={summary} class="plan" /> : null
}

const SHORT = 200
/** What else a yes lets through: a flag that leaves the sandbox stands beside the command as quietly as one that does nothing. */
function Rest({ of, but }: { of: ApprovalAsk['input']; but: readonly string[] }) {
  const rest = Object.entries(of).filter(([name, value]) => !but.includes(name) && value !== false && value !== null && value !== '')
  if (rest.length === 0) return null
  const words = rest.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const)
  if (words.some(([name, value]) => name.length + value.length > SHORT)) return <Command text={JSON.stringify(Object.fromEntries(rest), null, 2)} />
  return <Facts of={words} />
}

function Replacement({ before, after }: { before: string; after: string }) {
  // A last line end that both have changes nothing.
  const over = [before, after].every((text) => text === '' || text.endsWith('\n'))
  const [old, now] = [before, after].map((text) => (over ? text.slice(0, -1) : text))
  return (
    <div class="ask-diff">
      {before !== '' && <div class="d"><Lines text={old ?? ''} /></div>}
      {after !== '' && <div class="a"><Lines text={now ?? ''} /></div>}
    </div>
  )
}
