/** The tree of a workspace, to look at: find by a few letters, or walk; nothing is written here. */
import { useEffect, useId, useRef } from 'preact/hooks'
import { useSignal, type Signal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { FileEntry } from '@berth/wire/files'
import { client } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { plural } from '../ui/words.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { PathName, Shown } from '../rooms/shown.tsx'
import { sizeWords } from '../rooms/words.ts'
import { FileView } from './file-view.tsx'
import '../rooms/sheet.tsx'
import css from './files.css' with { type: 'text' }

adoptStyle(css)

/** Somebody still types. */
const TYPING_MS = 120
const ENTRIES = 500

export function FilesPane({ workspace }: { workspace: Workspace }) {
  const dir = useSignal('')
  const query = useSignal('')
  const file = useSignal<string | null>(null)
  if (file.value !== null) return <div class="files"><FileView workspace={workspace} path={file.value} onBack={() => (file.value = null)} /></div>
  return (
    <div class="files">
      <Finder query={query} onEscape={() => (query.value = '')} />
      {query.value.trim() === '' && <Crumbs dir={dir} />}
      <Entries workspace={workspace} dir={dir} query={query.value.trim()} onFile={(path) => (file.value = path)} />
    </div>
  )
}

function Finder({ query, onEscape }: { query: Signal<string>; onEscape: () => void }) {
  const field = useId()
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const typed = (text: string) => {
    clearTimeout(timer.current)
    timer.current = setTimeout(() => (query.value = text), TYPING_MS)
  }
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    if (event.key === 'Escape' && event.currentTarget.value !== '') {
      event.stopPropagation()
      event.currentTarget.value = ''
      onEscape()
    }
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault()
      const first = event.currentTarget.closest('.files')?.querySelector<HTMLButtonElement>('.entries button')
      if (event.key === 'Enter') first?.click()
      else first?.focus()
    }
  }
  return (
    <div class="finder">
      <Icon name="i-search" />
      <label class="unseen" for={field}>Find a file by a few letters</label>
      <input id={field} type="search" placeholder="Find a file" autocomplete="off" autocapitalize="off" spellcheck={false} maxLength={200} onInput={(event) => typed(event.currentTarget.value)} onKeyDown={onKeyDown} />
    </div>
  )
}

function Crumbs({ dir }: { dir: Signal<string> }) {
  const parts = dir.value === '' ? [] : dir.value.split('/')
  return (
    <nav class="crumbs" aria-label="Directory">
      <button type="button" aria-current={parts.length === 0 ? 'page' : undefined} onClick={() => (dir.value = '')}>Files</button>
      {parts.map((part, at) => {
        const path = parts.slice(0, at + 1).join('/')
        return <span key={path}><Icon name="i-next" /><button type="button" aria-current={path === dir.value ? 'page' : undefined} onClick={() => (dir.value = path)}><Shown text={part} /></button></span>
      })}
    </nav>
  )
}

function Entries({ workspace, dir, query, onFile }: { workspace: Workspace; dir: Signal<string>; query: string; onFile: (path: string) => void }) {
  const found = query !== ''
  const list = useLoaded(`${workspace.id} ${found ? `?${query}` : dir.value}`, (signal) => client.listFiles({ id: workspace.id, ...(found ? { query } : { dir: dir.value }), limit: ENTRIES }, signal))
  const entries = list.value.value?.entries ?? []
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    const rows = [...event.currentTarget.querySelectorAll('button')]
    rows[rows.findIndex((row) => row === document.activeElement) + step]?.focus()
  }
  return (
    <div class="entries-scroll" aria-busy={list.loading.value}>
      <RefusalLine refusal={list.refusal.value} onRetry={list.reload} />
      {list.value.value && entries.length === 0 && <p class="about none">{found ? 'No file has these letters in this order.' : 'This directory is empty.'}</p>}
      <ul class="entries" onKeyDown={onKeyDown}>
        {dir.value !== '' && !found && <li><button type="button" onClick={() => (dir.value = dir.value.split('/').slice(0, -1).join('/'))}><Icon name="i-back" /><span class="grow">Up</span></button></li>}
        {sorted(entries, found).map((entry) => (
          <li key={entry.path}>
            <button type="button" disabled={entry.kind === 'submodule'} onClick={() => (entry.kind === 'directory' ? (dir.value = entry.path) : onFile(entry.path))}>
              <Icon name={ICONS[entry.kind]} />
              <span class="grow">{found ? <PathName path={entry.path} /> : <Shown text={entry.path.split('/').at(-1) ?? entry.path} />}{WORDS[entry.kind]}</span>
              {entry.change && <span class={`tag ${entry.change === 'deleted' ? 'no' : entry.change === 'modified' ? 'now' : 'ok'}`}>{entry.change}</span>}
              <span class="size">{entry.sizeBytes === null ? '' : sizeWords(entry.sizeBytes)}</span>
            </button>
          </li>
        ))}
      </ul>
      {list.value.value?.truncated && <p class="about none">Only the first {plural(entries.length, 'entry', 'entries')}. Find the others by a few letters.</p>}
    </div>
  )
}

const ICONS: Record<FileEntry['kind'], string> = { file: 'i-read', directory: 'i-next', symlink: 'i-undo', submodule: 'i-branch' }
const WORDS: Record<FileEntry['kind'], string> = { file: '', directory: '/', symlink: ' (link)', submodule: ' (submodule)' }

/** Directories first where one walks; what was found stands in its own order. */
function sorted(entries: readonly FileEntry[], found: boolean): readonly FileEntry[] {
  if (found) return entries
  const first = (entry: FileEntry) => (entry.kind === 'directory' ? 0 : 1)
  return [...entries].sort((one, other) => first(one) - first(other) || one.path.localeCompare(other.path))
}
