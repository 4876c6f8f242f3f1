import { useEffect, useRef, useState } from 'preact/hooks'
import type { Hunk, HunkMark, ReviewComment } from '@berth/wire/review'
import { Delta } from '../ui/delta.tsx'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { Shown } from '../rooms/shown.tsx'
import { Diff, type LineAt } from './diff.tsx'
import { changeOf, linesOf } from './rows.ts'

interface HunkCardProps {
  hunk: Hunk; current: boolean; language: string | null; two: boolean; wrap: boolean
  comments: readonly ReviewComment[]
  onFocus: () => void
  /** Null where it is not decided by itself. */
  onMenu: (() => void) | null
  onLine: ((at: LineAt) => void) | null
  onUncomment: ((commentId: string) => void) | null
}

/** One change. What was decided about folds to a line; a tap on it unfolds. */
export function HunkCard({ hunk, current, language, two, wrap, comments, onFocus, onMenu, onLine, onUncomment }: HunkCardProps) {
  const box = useRef<HTMLElement>(null)
  const [unfolded, setUnfolded] = useState<boolean | null>(null)
  const open = unfolded ?? hunk.mark === 'open'
  useEffect(() => setUnfolded(null), [hunk.mark])
  useEffect(() => {
    if (current) box.current?.scrollIntoView({ block: 'nearest' })
  }, [current, hunk.hunkId])
  const words = linesOf(hunk)
  return (
    <article ref={box} class={`hunk ${current ? 'on' : ''}`} aria-label={`${words}, ${MARKS[hunk.mark].word}`} aria-current={current ? 'true' : undefined} onClick={onFocus}>
      <header>
        <h3><b>{words}</b> {hunk.section !== '' && <span class="section"><Shown text={hunk.section} /></span>}</h3>
        {hunk.mark === 'open' ? <Delta {...changeOf(hunk.lines)} /> : <MarkTag mark={hunk.mark} />}
        {hunk.mark === 'open' ? <More words={words} onMenu={onMenu} /> : <Fold words={words} open={open} onFold={() => setUnfolded(!open)} />}
      </header>
      {hunk.reason && open && <p class="reason"><span>Why</span> {inert(hunk.reason)}</p>}
      {open && <Diff hunk={hunk} language={language} two={two} wrap={wrap} comments={comments} onLine={onLine} onUncomment={onUncomment} />}
      {open && hunk.mark !== 'open' && onMenu && <footer><button type="button" class="btn quiet" onClick={onMenu}><Icon name="i-undo" />Take back or change</button></footer>}
    </article>
  )
}

function More({ words, onMenu }: { words: string; onMenu: (() => void) | null }) {
  return onMenu && <button type="button" class="icon" aria-label={`More about ${words.toLowerCase()}`} onClick={onMenu}><Icon name="i-more" /></button>
}

function Fold({ words, open, onFold }: { words: string; open: boolean; onFold: () => void }) {
  return <button type="button" class="icon" aria-expanded={open} aria-label={`${open ? 'Fold' : 'Unfold'} ${words.toLowerCase()}`} onClick={onFold}><Icon name="i-down" class={open ? 'turned' : ''} /></button>
}

export const MARKS: Record<HunkMark, { word: string; tone: string; icon: string }> = {
  open: { word: 'open', tone: '', icon: '' },
  accepted: { word: 'Accepted', tone: 'ok', icon: 'i-check' },
  queued: { word: 'Rejected, waits for turn end', tone: 'no', icon: 'i-x' },
  rejected: { word: 'Rejected', tone: 'no', icon: 'i-x' },
}

export function MarkTag({ mark }: { mark: HunkMark }) {
  const { word, tone, icon } = MARKS[mark]
  return <span class={`tag ${tone}`}><Icon name={icon} />{word}</span>
}
