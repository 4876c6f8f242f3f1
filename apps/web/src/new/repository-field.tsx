import { useEffect, useId, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { Matched } from '../ui/matched.tsx'
import { inert } from '../ui/inert.ts'
import { when } from '../rooms/words.ts'
import { ReachLine } from './reach-line.tsx'

type Used = Awaited<ReturnType<typeof client.listRepositories>>[number]
type Found = Awaited<ReturnType<typeof client.searchRepositories>>
/** `lastUsedAt` null: a host lists it. */
export interface Repository { readonly url: string; readonly label: string; readonly branches: readonly string[]; readonly lastUsedAt: number | null; readonly host: string; readonly private: boolean | null }
const TYPING_MS = 120
/** Hosts are asked when a person has paused. */
const ASKING_MS = 300
const SHOWN = 6
const PAGE = 20

const NOTHING: Found = { repositories: [], next: null, trouble: [] }

interface RepositoryFieldProps { value: string; disabled: boolean; wrong: string | undefined; onInput: (text: string) => void; onPick: (repository: Repository) => void }

/** An address, or a few letters of one that was used before or that a connected host lists. */
export function RepositoryField({ value, disabled, wrong, onInput, onPick }: RepositoryFieldProps) {
  const [field, list, says] = [useId(), useId(), useId()]
  const used = useSignal<readonly Used[]>([])
  const listed = useSignal<Found>(NOTHING)
  const found = joined(used.value, listed.value)
  const at = useSignal(-1)
  const open = useSignal(false)
  const picked = useRef<string | null>(null)
  useEffect(() => {
    if (disabled || picked.current === value) return
    const stop = new AbortController()
    const timer = setTimeout(() => {
      client.listRepositories({ query: value.trim().slice(0, 200) }, stop.signal).then((next) => {
        used.value = next.slice(0, SHOWN)
        at.value = -1
      }, () => {
        // Without suggestions the whole address is written.
        if (!stop.signal.aborted) used.value = []
      })
    }, TYPING_MS)
    const asking = setTimeout(() => void search(undefined, stop.signal), ASKING_MS)
    return () => {
      stop.abort()
      clearTimeout(timer)
      clearTimeout(asking)
    }
  }, [value, disabled])
  /** A host that does not answer leaves what was used before. */
  const search = async (cursor: string | undefined, signal?: AbortSignal) => {
    const page = await client.searchRepositories({ query: value.trim().slice(0, 200), limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, signal).catch(() => null)
    if (page !== null && signal?.aborted !== true) listed.value = cursor === undefined ? page : { ...page, repositories: [...listed.value.repositories, ...page.repositories] }
  }
  const choose = (repository: Repository) => {
    picked.current = repository.url
    open.value = false
    onPick(repository)
  }
  const shown = open.value && !disabled && (found.some(({ url }) => url !== value.trim()) || listed.value.trouble.length > 0)
  const onKeyDown = (event: KeyboardEvent) => {
    if (!shown) return
    if (event.key === 'Tab') open.value = false
    else if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      open.value = false
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      at.value = Math.max(-1, Math.min(found.length - 1, at.value + (event.key === 'ArrowDown' ? 1 : -1)))
    } else if (event.key === 'Enter') {
      const repository = found[at.value]
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
      <ul id={list} role="listbox" aria-label="Repositories to choose from" class="suggestions" hidden={!shown}>
        {found.map((repository, index) => (
          // The field keeps the focus.
          <li key={repository.url} id={`${list}-${index}`} role="option" aria-selected={index === at.value} onMouseDown={(event) => event.preventDefault()} onClick={() => choose(repository)}>
            <Icon name="i-branch" /><span class="grow"><Matched text={repository.label} query={value.trim()} /></span><span class="meta">{[repository.private === true ? 'private' : '', repository.lastUsedAt === null ? (repository.host === 'github.com' ? '' : inert(repository.host)) : when(repository.lastUsedAt, now.value)].filter(Boolean).join(', ')}</span>
          </li>
        ))}
        {listed.value.next !== null && <li class="more-found"><button type="button" class="btn quiet" onMouseDown={(event) => event.preventDefault()} onClick={() => void search(listed.value.next ?? undefined)}>Show more</button></li>}
        {listed.value.trouble.map(({ origin, message, url }) => <li key={origin} class="trouble"><span class="grow">{inert(URL.parse(origin)?.host ?? origin)}: {inert(message)}</span>{url !== null && /^https?:/.test(url) && <a class="btn quiet" href={url} target="_blank" rel="noreferrer">Choose</a>}</li>)}
      </ul>
      <ReachLine url={value} disabled={disabled} />
      {wrong && <p class="wrong" id={says}>{wrong}</p>}
    </div>
  )
}

/** Those used before come with their branches; each stands there once. */
function joined(used: readonly Used[], { repositories }: Found): Repository[] {
  const before = used.map((each) => ({ ...each, host: '', private: repositories.find(({ url }) => url === each.url)?.private ?? null }))
  return [...before, ...repositories.filter(({ url, label }) => !used.some((each) => each.url === url || each.label === label && sameHost(each.url, url))).map((each) => ({ ...each, branches: each.defaultBranch === null ? [] : [each.defaultBranch] }))]
}
const sameHost = (a: string, b: string): boolean => URL.parse(a)?.host === URL.parse(b)?.host
