import { revealed } from './inert.ts'

/** A command, whole. */
export function Command({ text, marks = [] }: { text: string; marks?: readonly string[] }) {
  return <pre class="cmd" dir="ltr" tabIndex={0}><Pieces text={text} marks={marks} /></pre>
}

/** More lines than anybody reads one by one; the rest stands together under the last sign. */
const LINES_LIMIT = 1000

/** Lines that are added or taken away, each with its sign: a line that is wrapped must not look like two. */
export function Lines({ text }: { text: string }) {
  const lines = text.split('\n')
  const shown = lines.length > LINES_LIMIT ? [...lines.slice(0, LINES_LIMIT - 1), lines.slice(LINES_LIMIT - 1).join('\n')] : lines
  return <div class="cmd" dir="ltr" tabIndex={0}>{shown.map((line, index) => <div key={index}>{line === '' ? ' ' : <Pieces text={line} marks={[]} />}</div>)}</div>
}

function Pieces({ text, marks }: { text: string; marks: readonly string[] }) {
  return <>{revealed(text).map((piece, index) => (piece.odd ? <mark key={index} title="a character that is not seen">{piece.text}</mark> : <Marked key={index} text={piece.text} marks={marks} />))}</>
}

/** What makes it risky is what is seen first. */
function Marked({ text, marks }: { text: string; marks: readonly string[] }) {
  const found = marks.filter((mark) => mark !== '' && text.includes(mark))
  if (found.length === 0) return <Arguments text={text} />
  const pattern = new RegExp(`(${found.map((mark) => mark.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})`)
  return <>{text.split(pattern).map((part, index) => (index % 2 === 1 ? <mark key={index} class="risky">{part}</mark> : <Arguments key={index} text={part} />))}</>
}

/** More than anybody reads argument by argument. */
const ARGUMENTS_LIMIT = 4000

/** Lines break between arguments, not after the hyphens of one. */
function Arguments({ text }: { text: string }) {
  if (text.length > ARGUMENTS_LIMIT) return <>{text}</>
  return <>{text.split(/(\S*-\S+)/).map((part, index) => (index % 2 === 1 ? <span key={index}>{part}</span> : part))}</>
}
