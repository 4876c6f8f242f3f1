/** Beside the field: files by `@`, the agent's commands by `/`, and what is uploaded. Loaded with the first sign of them. */
import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { request } from '@berth/client'
import { API_PREFIX } from '@berth/wire/api-prefix'
import { client, endpoint } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import '../shell/late-style.ts'
import { mention } from './composer.tsx'
import { fileChoice, type Choice } from './file-choice.ts'

export interface HelpProps { readonly workspaceId: WorkspaceId; readonly text: string; set(text: string): void; readonly field: RefObject<HTMLTextAreaElement | null>; readonly files: readonly File[]; taken(): void }

const UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
const CHOICES = 8

export function ComposerHelp(props: HelpProps) {
  return (
    <>
      <Uploads {...props} />
      <Choices {...props} />
    </>
  )
}

function Choices({ workspaceId, text, set, field }: HelpProps) {
  const choices = useSignal<readonly Choice[]>([])
  const at = useSignal(0)
  const sign = /(?:^|\s)(@\S*)$/.exec(text)?.[1] ?? /^(\/\S*)$/.exec(text)?.[1] ?? null
  useEffect(() => {
    at.value = 0
    if (sign === null) return void (choices.value = [])
    const stop = new AbortController()
    const find = sign.startsWith('@') ? findFiles(workspaceId, sign.slice(1), stop.signal) : findCommands(workspaceId, sign.slice(1))
    const show = (found: readonly Choice[]) => { if (!stop.signal.aborted) choices.value = found }
    find.then(show, () => show([]))
    return () => stop.abort()
  }, [workspaceId, sign])
  const choose = (choice: Choice) => {
    set(`${text.slice(0, text.length - (sign?.length ?? 0))}${choice.insert} `)
    choices.value = []
    field.current?.focus()
  }
  useEffect(() => {
    const element = field.current
    if (!element || sign === null || choices.value.length === 0) return
    const onKeyDown = (event: KeyboardEvent) => {
      const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
      if (step !== 0) at.value = (at.value + step + choices.value.length) % choices.value.length
      else if (event.key === 'Escape') choices.value = []
      else if ((event.key !== 'Enter' && event.key !== 'Tab') || event.isComposing) return
      const chosen = choices.value[at.value]
      if (step === 0 && event.key !== 'Escape' && chosen) choose(chosen)
      event.preventDefault()
      event.stopImmediatePropagation()
    }
    element.addEventListener('keydown', onKeyDown, { capture: true })
    return () => element.removeEventListener('keydown', onKeyDown, { capture: true })
  }, [choices.value, sign, text])
  if (sign === null || choices.value.length === 0) return null
  return (
    <ul class="completions" role="listbox" aria-label={sign.startsWith('@') ? 'Files' : 'Commands'}>
      {choices.value.map((choice, index) => (
        <li key={choice.insert} role="option" aria-selected={index === at.value} onPointerDown={(event) => { event.preventDefault(); choose(choice) }}>
          <span class="grow">{inert(choice.label)}</span><span class="meta">{inert(choice.detail)}</span>
        </li>
      ))}
    </ul>
  )
}

async function findFiles(id: WorkspaceId, query: string, signal: AbortSignal): Promise<Choice[]> {
  const { entries } = await client.listFiles({ id, ...(query === '' ? {} : { query }), limit: CHOICES * 2 }, signal)
  return entries.filter(({ kind }) => kind === 'file' || query !== '').slice(0, CHOICES).map(fileChoice)
}

const commands = new Map<WorkspaceId, ReturnType<typeof client.listCommands>>()
async function findCommands(id: WorkspaceId, query: string): Promise<Choice[]> {
  const known = commands.get(id) ?? client.listCommands({ id })
  commands.set(id, known)
  const list = await known.catch((error: unknown) => {
    commands.delete(id)
    throw error
  })
  const name = (command: string) => (command.startsWith('/') ? command : `/${command}`)
  return list.filter((command) => command.name.toLowerCase().includes(query.toLowerCase())).slice(0, CHOICES).map((command) => ({ insert: name(command.name), label: name(command.name), detail: command.description }))
}

interface Upload { readonly name: string; readonly state: 'sending' | 'done' | 'refused'; readonly detail: string }

function Uploads({ workspaceId, files, taken }: HelpProps) {
  const uploads = useSignal<readonly Upload[]>([])
  useEffect(() => {
    if (files.length === 0) return
    taken()
    for (const file of files) void put(file)
  }, [files])
  const change = (name: string, next: Omit<Upload, 'name'>) => (uploads.value = [...uploads.value.filter((upload) => upload.name !== name), { name, ...next }])
  const put = async (file: File) => {
    if (file.size > UPLOAD_LIMIT_BYTES) return void change(file.name, { state: 'refused', detail: 'larger than 32 MB' })
    change(file.name, { state: 'sending', detail: '' })
    try {
      const response = await request(endpoint, `${API_PREFIX}/workspaces/${workspaceId}/uploads?name=${encodeURIComponent(file.name)}`, { method: 'PUT', body: file, headers: { 'content-type': 'application/octet-stream' } })
      const { path } = (await response.json()) as { path: string }
      change(file.name, { state: 'done', detail: path })
      // What was typed meanwhile, and the path of another file, stay.
      mention(workspaceId, `${path} `)
    } catch (error) {
      change(file.name, { state: 'refused', detail: error instanceof BerthError ? error.message : 'not possible' })
    }
  }
  if (uploads.value.length === 0) return null
  return (
    <ul class="outbox" aria-label="Files">
      {uploads.value.map(({ name, state, detail }) => (
        <li key={name}>
          <Icon name={state === 'refused' ? 'i-x' : state === 'done' ? 'i-check' : 'st-working'} />
          <span class="grow">{inert(name)} <span class="meta">{state === 'sending' ? 'on its way' : inert(detail)}</span></span>
          <button type="button" class="btn quiet" onClick={() => (uploads.value = uploads.value.filter((upload) => upload.name !== name))}>Dismiss</button>
        </li>
      ))}
    </ul>
  )
}
