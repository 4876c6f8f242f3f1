import { useEffect, useId, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { Matched } from '../ui/matched.tsx'
import { when } from '../rooms/words.ts'

type Repository = Awaited<ReturnType<typeof client.listRepositories>>[number]
const TYPING_MS = 120
const SHOWN = 6

interface RepositoryFieldProps { value: string; disabled: boolean; wrong: string | undefined; onInput: (text: string) => void; onPick: (repository: Repository) => void }

/** An address, or a few letters of one that was used before. */
export function RepositoryField({ value, disabled, wrong, onInput, onPick }: RepositoryFieldProps) {
  const [field, list, says] = [useId(), useId(), useId()]
  const found = useSignal<readonly Repository[]>([])
  const at = useSignal(-1)
  const open = useSignal(false)
  const picked = useRef<string | null>(null)
  useEffect(() => {
    if (disabled || picked.current === value) return
    const stop = new AbortController()
    const timer = setTimeout(() => {
      client.listRepositories({ query: value.trim().slice(0, 200) }, stop.signal).then((next) => {
        found.value = next.slice(0, SHOWN)
        at.value = -1
      }, () => {
        // Without suggestions the whole address is written.
        if (!stop.signal.aborted) found.value = []
      })
    }, TYPING_MS)
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [value, disabled])
  const choose = (repository: Repository) => {
    picked.current = repository.url
    open.value = false
    onPick(repository)
  }
  const shown = open.value && !disabled && found.value.some(({ url }) => url !== value.trim())
  const onKeyDown = (event: KeyboardEvent) => {
    if (!shown) return
    if (event.key === 'Tab') open.value = false
    else if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      open.value = false
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      at.value = Math.max(-1, Math.min(found.value.length - 1, at.value + (event.key === 'ArrowDown' ? 1 : -1)))
    } else if (event.key === 'Enter') {
      const repository = found.value[at.value]
      if (!repository) return
      event.preventDefault()
      choose(repository)
    }
  }
  return (
    <div class="field repository">
      <label for={field}>Repository</label>
      <input
        id={field} role="combobox" aria-expanded={shown} aria-controls={list} aria-autocomplete="list" aria-activedescendant={shown && at.value >= 0 ? `${list}-${at.value}` : undefined} aria-invalid={wrong !== undefined} aria-describedby={wrong ? says : undefined}
        autofocus autocomplete="off" autocapitalize="off" spellcheck={false} enterkeyhint="next" inputMode="url" maxLength={2048} placeholder="https://github.com/owner/name" disabled={disabled} value={value}
        onInput={(event) => { picked.current = null; open.value = true; onInput(event.currentTarget.value) }} onFocus={() => (open.value = true)} onKeyDown={onKeyDown}
      />
      {/* A press elsewhere leaves it open: were it gone before the finger is, all below would move from under the finger. */}
      <ul id={list} role="listbox" aria-label="Repositories used before" class="suggestions" hidden={!shown}>
        {found.value.map((repository, index) => (
          // The field keeps the focus.
          <li key={repository.url} id={`${list}-${index}`} role="option" aria-selected={index === at.value} onMouseDown={(event) => event.preventDefault()} onClick={() => choose(repository)}>
            <Icon name="i-branch" /><span class="grow"><Matched text={repository.label} query={value.trim()} /></span><span class="meta">{when(repository.lastUsedAt, now.value)}</span>
          </li>
        ))}
      </ul>
      {wrong && <p class="wrong" id={says}>{wrong}</p>}
    </div>
  )
}
