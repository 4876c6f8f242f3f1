import { inert, revealed } from './inert.ts'

/** What somebody said. Of Markdown only code is shown as such; everything else is read as it was written. */
export function Prose({ text, class: name }: { text: string; class: string }) {
  return (
    <div class={name} dir="auto">
      {inert(text).split(/^```[^\n]*\n?/m).map((part, index) => (index % 2 === 1 ? <pre key={index} class="out" dir="ltr" tabIndex={0}>{part.replace(/\n$/, '')}</pre> : <Inline key={index} text={part} />))}
    </div>
  )
}

function Inline({ text }: { text: string }) {
  const trimmed = text.replace(/^\n+|\n+$/g, '')
  if (trimmed === '') return null
  return <p>{trimmed.split(/`([^`\n]+)`/).map((part, index) => (index % 2 === 1 ? <code key={index} dir="ltr">{part}</code> : part))}</p>
}

/** A command, whole. */
export function Command({ text }: { text: string }) {
  return <pre class="cmd" dir="ltr" tabIndex={0}>{revealed(text).map((piece, index) => (piece.odd ? <mark key={index} title="a character that is not seen">{piece.text}</mark> : <Arguments key={index} text={piece.text} />))}</pre>
}

/** More than anybody reads argument by argument. */
const ARGUMENTS_LIMIT = 4000

/** Lines break between arguments, not after the hyphens of one. */
function Arguments({ text }: { text: string }) {
  if (text.length > ARGUMENTS_LIMIT) return <>{text}</>
  return <>{text.split(/(\S*-\S+)/).map((part, index) => (index % 2 === 1 ? <span key={index}>{part}</span> : part))}</>
}
