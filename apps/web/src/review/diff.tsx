import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { Hunk, ReviewComment } from '@berth/wire/review'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { Shown } from '../rooms/shown.tsx'
import { pairsOf, rowsOf, type Row } from './rows.ts'

/** Rows drawn before somebody asks for the rest. */
const ROWS_SHOWN = 400
/** More at once would keep the browser busy for minutes. */
const ROWS_MORE = 10_000

export interface LineAt { readonly side: 'old' | 'new'; readonly line: number; readonly quote: string }
interface DiffProps {
  hunk: Hunk; language: string | null; two: boolean; wrap: boolean
  comments: readonly ReviewComment[]
  /** A line's number was tapped. */
  onLine: ((at: LineAt) => void) | null
  onUncomment: ((commentId: string) => void) | null
}

export function Diff({ hunk, language, two, wrap, comments, onLine, onUncomment }: DiffProps) {
  const rows = useMemo(() => rowsOf(hunk, language), [hunk, language])
  const [most, setMost] = useState(ROWS_SHOWN)
  const shown = rows.slice(0, most)
  const tap = (row: Row) => onLine?.(lineAt(row))
  const notes = (row: Row | null) => comments.filter((comment) => row !== null && (comment.side === 'new' ? row.after : row.before) === comment.line && (row.sign !== ' ' || comment.side === 'new')).map((comment) => <Note key={comment.commentId} comment={comment} onRemove={onUncomment} />)
  const digits = String(Math.max(hunk.oldStart + hunk.oldLines, hunk.newStart + hunk.newLines)).length
  return (
    <div style={{ '--digits': digits }} class={`diff ${two ? 'two' : ''} ${wrap ? '' : 'scrolls'}`} tabIndex={wrap ? undefined : 0} role={wrap ? undefined : 'group'} aria-label={wrap ? undefined : 'Changed lines'}>
      <div class="rows">
        {two
          ? pairsOf(shown).map(({ left, right }, at) => (
            <div key={at}>
              <div class="pair">
                <Line row={left} number={left?.before ?? null} onTap={tap} />
                <Line row={right} number={right?.after ?? null} onTap={tap} />
              </div>
              {notes(left === right ? null : left)}
              <div class="right-notes">{notes(right)}</div>
            </div>
          ))
          : shown.map((row, at) => (
            <div key={at}>
              <Line row={row} number={row.after ?? row.before} onTap={tap} />
              {notes(row)}
            </div>
          ))}
      </div>
      {shown.length < rows.length && <button type="button" class="btn quiet more-rows" onClick={() => setMost(most + ROWS_MORE)}>Show {Math.min(ROWS_MORE, rows.length - shown.length).toLocaleString()} more lines</button>}
    </div>
  )
}

const SIGNS = { ' ': '', '+': '+', '-': '−' } as const
const WORDS = { ' ': '', '+': 'added', '-': 'removed' } as const

function Line({ row, number, onTap }: { row: Row | null; number: number | null; onTap: (row: Row) => void }) {
  if (row === null) return <div class="l none" />
  const kind = row.sign === '+' ? 'a' : row.sign === '-' ? 'd' : ''
  return (
    <div class={`l ${kind}`}>
      {/* A shortcut for a finger; with keys and for readers, Comment asks for the line. */}
      <span class="no" aria-hidden="true" onClick={() => onTap(row)}>{number}</span>
      <span class="sign" aria-hidden="true">{SIGNS[row.sign]}</span>
      <span class="code">
        {row.sign !== ' ' && <span class="unseen">{WORDS[row.sign]}: </span>}
        {row.pieces.map((piece, at) => <PieceOf key={at} text={piece.text} voice={piece.voice} changed={piece.changed} />)}
        {row.cutBy > 0 && <Aside>… {row.cutBy.toLocaleString()} more characters</Aside>}
        {row.oddEnd && <Aside>{row.oddEnd}</Aside>}
        {row.noNewline && <Aside>no line end</Aside>}
      </span>
    </div>
  )
}

function PieceOf({ text, voice, changed }: { text: string; voice: string | null; changed: boolean }) {
  const shown = <Shown text={text} />
  const voiced = voice === null ? shown : <span class={`v-${voice}`}>{shown}</span>
  return changed ? <mark class="word">{voiced}</mark> : voiced
}

function Aside({ children }: { children: ComponentChildren }) {
  return <span class="aside">{children}</span>
}

function Note({ comment, onRemove }: { comment: ReviewComment; onRemove: ((commentId: string) => void) | null }) {
  return (
    <div class="note">
      <p>
        <span class="by">{inert(comment.by)}, on line {comment.line}{comment.sent ? ', told the agent' : ''}</span>
        {inert(comment.text)}
      </p>
      {!comment.sent && onRemove && <button type="button" class="icon" aria-label={`Take back the comment on line ${comment.line}`} onClick={() => onRemove(comment.commentId)}><Icon name="i-x" /></button>}
    </div>
  )
}

export function lineAt(row: Row): LineAt {
  const quote = row.pieces.map((piece) => piece.text).join('').slice(0, 2000)
  return row.sign === '-' ? { side: 'old', line: row.before ?? 1, quote } : { side: 'new', line: row.after ?? 1, quote }
}
