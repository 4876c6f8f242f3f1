/** What a person says to the agent. The keyboard comes only when the field is tapped. */
import { signal, useSignal, type Signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { ComponentType } from 'preact'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { stopTurn } from '../shell/actions.ts'
import { speak, outbox, takeBack } from '../state/outbox.ts'
import { may } from '../state/may.ts'
import { phrases } from '../state/phrases.ts'
import { offlineSince } from '../state/session.ts'
import { sessionMeant } from '../state/sessions.ts'
import { holdTaps, takesTaps } from '../state/taps.ts'
import type { Stream } from '../state/stream.ts'
import { areSame, useSteady } from '../state/steady.ts'
import { suggest } from '../state/suggest.ts'
import { Icon } from '../ui/icon.tsx'
import { stateOf } from '../ui/state.tsx'
import { inert } from '../ui/inert.ts'
import type { HelpProps } from './composer-help.tsx'

/** What is not yet said, by workspace: it stays while the tab is open, whatever else is looked at. */
const drafts = signal<Readonly<Record<string, string>>>({})
const MESSAGE_LIMIT = 256 * 1024

const KEPT = 'berth.drafts'
/** Of this tab: a phone throws away pages that are not looked at, and a notification loads its own anew. */
export function openDrafts(): void {
  try {
    drafts.value = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as typeof drafts.value
  } catch {
    // A browser that keeps nothing begins with nothing.
  }
}
/** The field as the server drew it takes letters, and the first drawing of ours would empty it: asked before that. */
export const typedEarly = (): string => document.querySelector<HTMLTextAreaElement>('.composer textarea')?.value ?? ''
export function takeTyped(workspace: Workspace, typed: string): void {
  if (typed !== '') mention(draftOf(workspace), typed)
}
export function keepDrafts(): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(drafts.value))
  } catch {
    // As above.
  }
}
export function forgetDrafts(): void {
  drafts.value = {}
  keepDrafts()
}

/** For other rooms: a file, lines of it, or output to talk about. */
export function mention(id: string, text: string): void {
  const before = drafts.value[id] ?? ''
  drafts.value = { ...drafts.value, [id]: before === '' || /\s$/.test(before) ? before + text : `${before} ${text}` }
}

const help = signal<ComponentType<HelpProps> | null>(null)
/** Search of files and commands, and uploads: loaded when the first sign of them is typed, and tried again at the next. */
function loadHelp(): void {
  if (help.value === null) import('./composer-help.tsx').then(({ ComposerHelp }) => (help.value = ComposerHelp), () => undefined)
}

const draftOf = (workspace: Workspace): string => sessionMeant(workspace).session ?? workspace.id

const maySay = (workspace: Workspace): boolean => may(workspace) && workspaceCan('send', workspace.phase)

/** Before that there is nothing to answer in few words. */
const hears = (workspace: Workspace): boolean => !workspace.wantsLogin && stateOf(workspace).name !== 'starting'

/** What is said now comes after its turn. */
function isBusy(workspace: Workspace): boolean {
  const { name } = stateOf(workspace)
  return name === 'working' || (name === 'needs' && !workspace.wantsLogin)
}

export function Composer({ workspace, stream }: { workspace: Workspace; stream: Stream }) {
  const { id } = workspace
  const meant = sessionMeant(workspace)
  /** What is being written stays with its session. */
  const draft = draftOf(workspace)
  const field = useRef<HTMLTextAreaElement>(null)
  const sending = useSignal(false)
  const dropped = useSignal<readonly File[]>([])
  const text = drafts.value[draft] ?? ''
  const set = (value: string) => (drafts.value = { ...drafts.value, [draft]: value.slice(0, MESSAGE_LIMIT) })
  const can = maySay(workspace)
  const busy = isBusy(workspace)
  const say = async (said: string) => {
    if (said.trim() === '' || sending.value || !can) return
    sending.value = true
    holdTaps()
    // The text stays in the field when it was not taken.
    if (await speak(id, said.trim(), meant)) if ((drafts.peek()[draft] ?? '').trim() === said.trim()) set('')
    sending.value = false
    holdTaps()
  }
  const steer = async () => {
    // The second of two would stop the turn that the first began, and what is on its way is said before.
    if (!takesTaps.peek() || sending.peek()) return
    holdTaps()
    await stopTurn(workspace)
    await say(drafts.peek()[draft] ?? '')
  }
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (event.key === 'Escape') event.currentTarget.blur()
    if (event.defaultPrevented || event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return
    event.preventDefault()
    void (busy && (event.metaKey || event.ctrlKey) ? steer() : say(text))
  }
  const attach = (files: Iterable<File>) => {
    dropped.value = [...dropped.value, ...files]
    loadHelp()
  }
  const onInput = (value: string) => {
    set(value)
    if (/(^|\s)@\S*$|^\/\S*$/.test(value)) loadHelp()
  }
  const Help = help.value
  return (
    <form
      class="composer-form" onSubmit={(event) => { event.preventDefault(); void say(text) }}
      onDragOver={(event) => event.preventDefault()} onDrop={(event) => { event.preventDefault(); attach(event.dataTransfer?.files ?? []) }}
    >
      <Waiting id={id} edit={(said) => { set(said); field.current?.focus() }} />
      {can && hears(workspace) && <Chips stream={stream} busy={busy} say={(said) => { if (takesTaps.peek()) void say(said) }} />}
      {Help && <Help workspaceId={id} text={text} set={set} field={field} files={dropped.value} taken={() => (dropped.value = [])} />}
      <div class={`composer ${can ? '' : 'off'}`}>
        <Attach off={!can} take={attach} />
        <textarea
          ref={field} rows={1} aria-label="Message to the agent" placeholder={placeholder(workspace, can, busy)} disabled={!can} value={text} enterkeyhint="send"
          onInput={(event) => onInput(event.currentTarget.value)} onKeyDown={onKeyDown}
          onPaste={(event) => { const files = event.clipboardData?.files; if (files && files.length > 0) { event.preventDefault(); attach(files) } }}
        />
        {busy && text.trim() !== '' && workspaceCan('interrupt', workspace.phase) && <SayNow sending={sending} steer={steer} />}
        {busy && text.trim() === '' && workspaceCan('interrupt', workspace.phase)
          ? <button type="button" class="icon go" aria-label="Stop the turn" aria-disabled={!takesTaps.value} onClick={() => { if (takesTaps.peek()) void stopTurn(workspace) }}><Icon name="i-stop" /></button>
          : <button type="submit" class="icon go" disabled={!can || sending.value || text.trim() === ''} aria-label={busy ? 'Queue' : 'Send'}><Icon name="i-send" /></button>}
      </div>
    </form>
  )
}

function SayNow({ sending, steer }: { sending: Signal<boolean>; steer(): Promise<void> }) {
  return <button type="button" class="btn quiet steer" title="Stop the turn and say this now" aria-disabled={!takesTaps.value || sending.value} onClick={() => void steer()}>Say it now</button>
}

function Attach({ off, take }: { off: boolean; take(files: Iterable<File>): void }) {
  return (
    <label class={`icon attach ${off ? 'off' : ''}`}>
      <span class="unseen">Attach images or files</span>
      <Icon name="i-plus" />
      <input type="file" multiple class="unseen" disabled={off} onChange={(event) => { take(event.currentTarget.files ?? []); event.currentTarget.value = '' }} />
    </label>
  )
}

/** Suggested by the last turn first, then the person's own. */
function Chips({ stream, busy, say }: { stream: Stream; busy: boolean; say(text: string): void }) {
  const replies = useSteady(() => (busy ? [] : suggest(stream.rested.value)), [stream, busy], areSame)
  const own = phrases.value.filter((phrase) => !replies.some((reply) => reply.toLowerCase() === phrase.toLowerCase()))
  return (
    <div class="chips" role="group" aria-label="Quick replies">
      {replies.map((reply) => <button key={reply} type="button" class="chip suggested" aria-disabled={!takesTaps.value} onClick={() => say(reply)}>{inert(reply)}</button>)}
      {own.map((phrase) => <button key={phrase} type="button" class="chip" aria-disabled={!takesTaps.value} onClick={() => say(phrase)}>{phrase}</button>)}
    </div>
  )
}

/** Written without a connection: seen, and taken back until it is sent. */
function Waiting({ id, edit }: { id: WorkspaceId; edit(text: string): void }) {
  const mine = outbox.value.filter(({ workspaceId }) => workspaceId === id)
  if (mine.length === 0) return null
  return (
    <ul class="outbox" aria-label="Waiting for the connection">
      {mine.map(({ promptId, text, refusal }) => (
        <li key={promptId}>
          <span class="grow">{text}<span class="meta">{refusal === undefined ? ' is sent when the server is heard again' : ` was not taken: ${inert(refusal)}`}</span></span>
          <button type="button" class="btn quiet" onClick={() => { const back = takeBack(promptId); if (back) edit(back.text) }}>{refusal === undefined ? 'Undo' : 'Edit'}</button>
        </li>
      ))}
    </ul>
  )
}

function placeholder(workspace: Workspace, can: boolean, busy: boolean): string {
  if (!may(workspace)) return 'You may look, and say nothing here'
  if (!can) return workspace.phase === 'failed' ? 'The workspace failed' : `Not possible while ${workspace.phase}`
  if (offlineSince.value !== null) return 'Sent when the server is heard'
  // What a person put to sleep no message wakes.
  if (workspace.phase === 'stopped') return 'Kept until somebody wakes it'
  if (workspace.wantsLogin) return 'Said once it is signed in'
  if (busy) return 'Said when this turn ends…'
  return workspace.phase === 'sleeping' ? 'Tell the agent; it wakes' : 'Tell the agent…'
}
