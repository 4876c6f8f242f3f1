/** Everything by name: what can be done here, where one can go, and the files of this workspace. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ordered } from '../inbox/order.ts'
import { mention } from '../files/mention.ts'
import { client, go, pathTo, route, workspaceOf, workspaces } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { stateOf } from '../ui/state.tsx'
import { placeOf, plural } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { Matched } from '../ui/matched.tsx'
import { useModal } from '../ui/modal.ts'
import { actionsOf } from './actions.ts'
import { closeSheet } from './dialog.tsx'
import { ranked } from './ranked.ts'
import { lazySheet, sheet } from './sheets.ts'

interface Entry { readonly group: string; readonly icon: string; readonly label: string; readonly detail: string; readonly keys?: readonly string[]; readonly tone?: string; run(): void }
const LIMIT = 24
const FILES = 6

export function Palette() {
  const box = useRef<HTMLDialogElement>(null)
  const mine = useRef(sheet.peek())
  const text = useSignal('')
  const at = useSignal(0)
  const files = useSignal<readonly Entry[]>([])
  useModal(box)
  const query = text.value.replace(/^[>@/]\s*/, '')
  useEffect(() => {
    const here = route.value
    if (here.at !== 'workspace' || query.length < 2) return void (files.value = [])
    const stop = new AbortController()
    client.listFiles({ id: here.id, query, limit: FILES }, stop.signal)
      .then(({ entries }) => (files.value = entries.map(({ path }) => ({ group: 'Files', icon: 'i-read', label: path, detail: 'mention', run: () => mention(here.id, { path }) }))), () => { if (!stop.signal.aborted) files.value = [] })
    return () => stop.abort()
  }, [query])
  const sign = /^[>@/]/.exec(text.value)?.[0]
  const entries = ranked([...(sign === '@' || sign === '/' ? [] : commands()), ...(sign === '>' || sign === '/' ? [] : places()), ...(sign === '/' || sign === undefined ? files.value : [])], query).slice(0, LIMIT)
  const chosen = Math.min(at.value, entries.length - 1)
  const run = (entry: Entry | undefined) => {
    if (!entry) return
    closeSheet()
    entry.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation()
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) at.value = (chosen + step + entries.length) % Math.max(1, entries.length)
    else if (event.key === 'Enter' && !event.isComposing) run(entries[chosen])
    else return
    event.preventDefault()
    box.current?.querySelector(`#pi-${at.value}`)?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <dialog ref={box} class="dialog palette" aria-label="Search and commands" onClose={() => { if (sheet.peek() === mine.current) closeSheet() }} onClick={(event) => { if (event.target === box.current) closeSheet() }} onKeyDown={onKeyDown}>
      <label class="palette-field">
        <Icon name="i-search" />
        <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={entries.length > 0 ? `pi-${chosen}` : undefined} aria-label="Search and commands" placeholder="A command, a workspace, a file" autocomplete="off" spellcheck={false} value={text.value} onInput={(event) => { text.value = event.currentTarget.value; at.value = 0 }} />
        <kbd>esc</kbd>
      </label>
      <div id="palette-list" role="listbox" aria-label="Results" class="palette-list">
        {entries.map((entry, index) => (
          <>
            {entry.group !== entries[index - 1]?.group && <p class="pl" role="presentation">{entry.group}</p>}
            <div id={`pi-${index}`} role="option" aria-selected={index === chosen} class="pi" onClick={() => run(entry)} onPointerMove={() => (at.value = index)}>
              <Icon name={entry.icon} class={entry.tone ?? ''} />
              <span class="cut"><Matched text={entry.label} query={query} /></span>
              <span class="meta">{inert(entry.detail)}</span>
              {entry.keys?.map((key) => <kbd key={key}>{key}</kbd>)}
            </div>
          </>
        ))}
        {entries.length === 0 && <p class="meta none">Nothing has that name.</p>}
      </div>
      <footer class="meta"><span><kbd>↑</kbd> <kbd>↓</kbd> move</span><span><kbd>↵</kbd> open</span><span class="grow" /><span><kbd>&gt;</kbd> commands</span><span><kbd>@</kbd> workspaces</span><span><kbd>/</kbd> files</span></footer>
    </dialog>
  )
}

function commands(): Entry[] {
  const here = route.value
  const general: Entry[] = [
    { group: 'Anywhere', icon: 'i-plus', label: 'New workspace', detail: '', keys: ['G', 'N'], run: () => go('/new') },
    { group: 'Anywhere', icon: 'i-screen', label: 'Tiles of all workspaces', detail: '', keys: ['G', 'L'], run: () => go('/grid') },
    { group: 'Anywhere', icon: 'i-more', label: 'Settings', detail: '', keys: ['G', ','], run: () => go('/settings') },
    { group: 'Anywhere', icon: 'i-read', label: 'Repositories kept here', detail: '', run: () => go('/repositories') },
    { group: 'Anywhere', icon: 'i-run', label: 'Keyboard', detail: '', keys: ['?'], run: () => lazySheet('keys') },
  ]
  const workspace = here.at === 'workspace' ? workspaceOf(here.id) : undefined
  if (!workspace) return general
  const group = 'This workspace'
  const rooms: Entry[] = [
    { group, icon: 'st-ready', label: 'Review', detail: workspace.changes ? plural(workspace.changes.files, 'file') : '', keys: ['G', 'R'], run: () => go(pathTo(workspace.id, 'changes')) },
    { group, icon: 'i-run', label: 'Terminal', detail: '', keys: ['G', 'T'], run: () => go(pathTo(workspace.id, 'terminal')) },
    { group, icon: 'i-read', label: 'Files', detail: '', keys: ['G', 'F'], run: () => go(pathTo(workspace.id, 'files')) },
    { group, icon: 'i-globe', label: 'Previews', detail: '', keys: ['G', 'P'], run: () => go(pathTo(workspace.id, 'preview')) },
  ]
  const acts = actionsOf(workspace).filter(({ off }) => off !== true).map(({ label, icon, detail, run }): Entry => ({ group, icon, label, detail: detail ?? '', run }))
  return [...rooms, ...acts, ...general]
}

function places(): Entry[] {
  return ordered(workspaces.value ?? []).map((workspace) => {
    const { icon, tone, word } = stateOf(workspace)
    return { group: 'Go to', icon, tone, label: workspace.name, detail: `${word.toLowerCase()} · ${placeOf(workspace.repository)}`, run: () => go(pathTo(workspace.id)) }
  })
}
