/** Facts of a question, each by its name, line by line as they were written, with what is not seen spelled out. */
import { pushFacts } from '@berth/wire/approval-rules'
import { Delta } from '../ui/delta.tsx'
import { inert, revealed } from '../ui/inert.ts'

export function Facts({ of }: { of: readonly (readonly [name: string, value: string])[] }) {
  return <dl class="facts">{of.map(([name, value]) => <div key={name}><dt>{inert(name)}</dt><dd>{value.split('\n').map((line, at) => <div key={at}><Letters text={line} /></div>)}</dd></div>)}</dl>
}

/** What a push would do to a host: ids as short as git says them, files with what they gain and lose. */
export function PushFacts({ of }: { of: Readonly<Record<string, unknown>> }) {
  return (
    <dl class="facts push">{pushFacts(of).map(({ name, lines, warns }) => (
      <div key={name} class={warns ? 'warns' : ''}>
        <dt>{inert(name)}</dt>
        <dd>{lines.map((line, at) => <div key={at}>{name === 'commits' ? <Commit line={line} /> : name === 'files' ? <File line={line} first={at === 0} /> : <Ids line={line} />}</div>)}</dd>
      </div>
    ))}</dl>
  )
}

function Commit({ line }: { line: string }) {
  const [, id, subject] = /^([0-9a-f]{10}) (.*)$/.exec(line) ?? []
  return id === undefined ? <Letters text={line} /> : <><code>{id}</code> <Letters text={subject ?? ''} /></>
}

/** The first line has the sum of all. */
function File({ line, first }: { line: string; first: boolean }) {
  const [, path, added, removed] = /^(.*?),? \+(\d+) -(\d+)$/.exec(line) ?? []
  if (path === undefined) return <Letters text={line} />
  return <span class="file">{first ? path : <code><Letters text={path} /></code>} <Delta added={Number(added)} removed={Number(removed)} /></span>
}

const SHORT_ID = 10
function Ids({ line }: { line: string }) {
  return <>{line.split(/\b([0-9a-f]{40}(?:[0-9a-f]{24})?)\b/).map((part, at) => (at % 2 === 1 ? <code key={at} title={part}>{part.slice(0, SHORT_ID)}</code> : <Letters key={at} text={part} />))}</>
}

function Letters({ text }: { text: string }) {
  return <>{revealed(text).map((piece, at) => (piece.odd ? <mark key={at} title="a character that is not seen">{piece.text}</mark> : piece.text))}</>
}
