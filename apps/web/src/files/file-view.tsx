import { useMemo } from 'preact/hooks'
import { useSignal, type Signal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { FileContent } from '@berth/wire/files'
import { wide } from '../shell/detail.tsx'
import { client, linkTo, pathTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { LINE_LIMIT } from '../ui/inert.ts'
import { highlight, languageOf } from '../rooms/highlight.ts'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { PathName, Shown } from '../rooms/shown.tsx'
import { sizeWords } from '../rooms/words.ts'
import { PIXELS_SHOWN, pixelsOf } from './pixels.ts'
import { mention, pick, type Picked } from './mention.ts'

/** Lines drawn before somebody asks for more: a file of a megabyte has tens of thousands. */
const LINES_SHOWN = 2000
/** More at once would keep the browser busy for minutes. */
const LINES_MORE = 10_000

/** One file, to read. Numbers choose lines to say something about. */
export function FileView({ workspace, path, onBack }: { workspace: Workspace; path: string; onBack: () => void }) {
  const file = useLoaded(`${workspace.id} ${path}`, (signal) => client.readFile({ id: workspace.id, path }, signal))
  const picked = useSignal<Picked | null>(null)
  const wrap = useSignal(true)
  const said = useSignal(false)
  const content = file.value.value
  const tell = () => {
    mention(workspace.id, { path, ...picked.value })
    said.value = true
  }
  return (
    <section class="file-view" aria-label={path} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); onBack() } }}>
      <header>
        <button type="button" class="icon" aria-label="All files" autofocus onClick={onBack}><Icon name="i-back" /></button>
        <div class="grow"><h2><PathName path={path} /></h2><p class="meta">{content ? [sizeWords(content.sizeBytes), content.binary ? 'binary' : plural(linesOf(content).length, 'line'), content.truncated && 'only its beginning'].filter(Boolean).join(' · ') : 'Reading'}</p></div>
        {content && !content.binary && <button type="button" class="icon" aria-pressed={wrap.value} aria-label="Wrap long lines" onClick={() => (wrap.value = !wrap.value)}><Icon name="i-undo" class="wrap-icon" /></button>}
      </header>
      <RefusalLine refusal={file.refusal.value} onRetry={file.reload} />
      {content ? <Content content={content} picked={picked} wrap={wrap.value} onPick={() => (said.value = false)} /> : <div class="grow" />}
      <footer>
        <p class="meta" role="status">{said.value ? 'Put into your message' : picked.value ? linesWords(picked.value) : content && !content.binary ? 'Tap a number to choose lines' : ''}</p>
        {said.value && !wide.value && <a class="btn quiet" {...linkTo(pathTo(workspace.id))}>To the chat</a>}
        {picked.value && !said.value && <button type="button" class="btn quiet" onClick={() => (picked.value = null)}>Clear</button>}
        <button type="button" class="btn main" onClick={tell}><Icon name="i-comment" />Mention in chat</button>
      </footer>
    </section>
  )
}

function linesOf(content: FileContent): string[] {
  const lines = content.text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function linesWords({ from, to }: Picked): string {
  return from === to ? `Line ${from}` : `Lines ${from}–${to}`
}

function Content({ content, picked, wrap, onPick }: { content: FileContent; picked: Signal<Picked | null>; wrap: boolean; onPick: () => void }) {
  const most = useSignal(LINES_SHOWN)
  const lines = useMemo(() => linesOf(content), [content])
  const shown = lines.slice(0, most.value)
  const tokens = useMemo(() => highlight(shown.map((line) => line.slice(0, LINE_LIMIT)), languageOf(content.path)), [content, most.value])
  if (content.binary) return <Binary content={content} />
  if (lines.length === 0) return <p class="about none grow">The file is empty.</p>
  const tap = (line: number, extend: boolean) => {
    picked.value = pick(picked.value, line, extend)
    onPick()
  }
  const chosen = (line: number) => picked.value !== null && line >= picked.value.from && line <= picked.value.to
  return (
    <div class={`file-text ${wrap ? '' : 'scrolls'}`} tabIndex={0} role="region" aria-label="Content">
      <div class="rows">
        {tokens.map((line, at) => (
          <div key={at} class={`fl ${chosen(at + 1) ? 'on' : ''}`}>
            <span class="no" aria-hidden="true" onClick={(event) => tap(at + 1, event.shiftKey)}>{at + 1}</span>
            <span class="code">
              {line.map((token, index) => (token.voice ? <span key={index} class={`v-${token.voice}`}><Shown text={token.text.replace(/\r$/, '')} /></span> : <Shown key={index} text={token.text.replace(/\r$/, '')} />))}
              {(lines[at]?.length ?? 0) > LINE_LIMIT && <em>… {((lines[at]?.length ?? 0) - LINE_LIMIT).toLocaleString()} more characters</em>}
            </span>
          </div>
        ))}
      </div>
      {shown.length < lines.length && <button type="button" class="btn quiet" onClick={() => (most.value += LINES_MORE)}>Show {plural(Math.min(LINES_MORE, lines.length - shown.length), 'more line')}</button>}
      {content.truncated && <p class="about none">The file goes on; {sizeWords(content.sizeBytes)} is more than is read here. Use the terminal for the rest.</p>}
    </div>
  )
}

/** The server gives the bytes of images of known types only; the browser decodes one when it is asked to. */
function Binary({ content }: { content: FileContent }) {
  const show = useSignal(false)
  const broken = useSignal(false)
  const pixels = useMemo(() => pixelsOf(Uint8Array.from(atob(content.text), (letter) => letter.charCodeAt(0))), [content])
  if (content.imageType === null || content.text === '') return <p class="about none grow">A binary file of {sizeWords(content.sizeBytes)}. There is nothing to read here.</p>
  if (broken.value || (pixels ?? Infinity) > PIXELS_SHOWN) return <p class="about none grow">{pixels !== null && pixels > PIXELS_SHOWN ? `It says it has ${Math.round(pixels / 1e6).toLocaleString()} million pixels, too many to show here.` : 'This is not an image that can be shown.'}</p>
  return (
    <div class="image grow">
      {show.value
        ? <img src={`data:${content.imageType};base64,${content.text}`} alt={content.path} onError={() => (broken.value = true)} />
        : <button type="button" class="btn" onClick={() => (show.value = true)}>Show the image, {sizeWords(content.sizeBytes)}</button>}
    </div>
  )
}
