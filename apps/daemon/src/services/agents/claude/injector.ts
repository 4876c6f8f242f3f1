/**
 * Brings a person's words to the agent by pasting them into its terminal, at most once each.
 *
 * An Enter into an open dialog would answer it. So a paste happens only while no tool call is outstanding and nothing
 * waits for a decision, and while it is under way every new tool call waits (`quiet`) until the agent has acknowledged
 * the words. Without an acknowledgement the prompt is ambiguous: no second Enter, no second paste.
 */
import { z } from 'zod'
import { PromptId, type SessionId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { Journal, Terminal } from '../../../contracts.ts'
import { pasteable } from '../prompt-text.ts'
import type { SessionStatus } from './session-file.ts'
import { COMMAND_WITHIN_MS, commandTaken, isCommand, MENU } from './slash-command.ts'

const ACKNOWLEDGED_WITHIN_MS = 3000
/** The program takes a paste in pieces; an Enter right behind it would belong to the paste. */
const ENTER_AFTER_MS = 250
/** Until the words stand in the input line; then it is pressed all the same. */
const SHOWN_WITHIN_MS = 3000
const SHOWN_LOOK_MS = 30
/** They stand there in one piece, however narrow the screen. */
const SHOWN_CHARACTERS = 20
/** What the program shows in place of many lines. */
const LONG_PASTE = '[Pasted text'
const ESCAPE_SETTLES_MS = 300
const CTRL_U = new Uint8Array([0x15])
const CLEAR_LIMIT = 100
const CLEAR_GAP_MS = 20
const QUEUE_LIMIT = 200
const UNFIT = 'nothing to send, or too long'
const TEXT_LIMIT = 512 * 1024

type PromptResult = DaemonResult<'session.prompt'>
type Outcome = 'accepted' | 'ambiguous'
interface Queued { readonly promptId: PromptId; readonly text: string }
export interface Injector {
  submit(prompt: Queued): Promise<PromptResult>
  /** Something changed: deliver what is held, if it is safe now. */
  kick(): void
  /** The agent has these words (its hook or its transcript says so). */
  heard(text: string): void
  /** Resolves when no paste is under way. Tool calls wait here. */
  quiet(): Promise<void>
  /** Presses Escape while no dialog can open; false: it was not the moment. */
  escape(allowed: () => boolean): Promise<boolean>
  held(): number
}

const Sending = z.object({ promptId: PromptId, text: z.string() })

/** The prompt that was on its way when an earlier daemon ended: the transcript may still say that it arrived. */
function leftUnderWay(journal: Journal, sessionId: SessionId): Map<PromptId, string> {
  const stored = journal.get(`sending.${sessionId}`)
  if (stored === null) return new Map()
  const { promptId, text } = Sending.parse(JSON.parse(stored))
  return new Map([[promptId, text]])
}
/** Ctrl-U deletes to the line's start, then joins the line above; in one write it would be taken for a paste. */
async function clearInput(terminal: Terminal, lines: number): Promise<void> {
  for (let press = Math.min(CLEAR_LIMIT, 2 * lines); press > 0; press--) {
    await terminal.write(CTRL_U)
    await Bun.sleep(CLEAR_GAP_MS)
  }
}
/** Words the model had not begun to answer are put back into the input line; the next paste must not join them. */
async function pressEscape(terminal: Terminal, lastText: string): Promise<true> {
  await terminal.key('Escape')
  await Bun.sleep(ESCAPE_SETTLES_MS)
  await clearInput(terminal, lastText.split('\n').length)
  return true
}
/** On a busy machine the program reads a paste late, and takes an Enter that comes before for a part of it. */
async function enter(terminal: Terminal, pasted: string): Promise<void> {
  const begin = pasted.slice(0, SHOWN_CHARACTERS).split('\n')[0] ?? ''
  for (const until = Date.now() + SHOWN_WITHIN_MS; Date.now() < until; await Bun.sleep(SHOWN_LOOK_MS)) {
    const screen = await terminal.snapshot()
    if (screen.includes(begin) || screen.includes(LONG_PASTE)) break
  }
  await Bun.sleep(ENTER_AFTER_MS)
  await terminal.key('Enter')
}
const same = (a: string, b: string): boolean => pasteable(a).replaceAll(/\s+/g, ' ') === pasteable(b).replaceAll(/\s+/g, ' ')

export function createInjector(deps: { journal: Journal; sessionId: SessionId; terminal: () => Terminal | null; safe: () => boolean; /** The program's own word. */ status: () => SessionStatus['status'] | null; log: (line: string) => void }): Injector {
  const { journal, sessionId } = deps
  const queue: (Queued & { done: (result: PromptResult) => void })[] = []
  let busy: Promise<unknown> | null = null
  let expected: { text: string; acknowledged: () => void } | null = null
  let lastText = ''
  const unclear = leftUnderWay(journal, sessionId)

  const mark = (prompt: Queued, status: 'queued' | 'sent' | 'refused' | Outcome, detail: string | null = null): void => {
    journal.transaction(() => {
      if (status !== 'queued') journal.set(`prompt.${prompt.promptId}`, status)
      if (status === 'sent') journal.set(`sending.${sessionId}`, JSON.stringify({ promptId: prompt.promptId, text: pasteable(prompt.text) }))
      else if (status !== 'queued' && leftUnderWay(journal, sessionId).has(prompt.promptId)) journal.set(`sending.${sessionId}`, null)
      journal.append({ type: 'prompt', promptId: prompt.promptId, sessionId, text: prompt.text.slice(0, 16_384), status, detail }, { key: `prompt.${prompt.promptId}.${status}` })
    })
  }
  const exclusive = async <T>(work: () => Promise<T>): Promise<T> => {
    while (busy !== null) await busy.catch(() => {})
    const running = work()
    busy = running
    try { return await running } finally { busy = null }
  }

  const paste = async (terminal: Terminal, prompt: Queued): Promise<PromptResult> => {
    const text = pasteable(prompt.text)
    lastText = text
    // Written before the first byte goes out: a crash from here on makes it ambiguous, never a second paste.
    mark(prompt, 'sent')
    const acknowledged = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => { resolve(false) }, SHOWN_WITHIN_MS + ENTER_AFTER_MS + (isCommand(text) ? COMMAND_WITHIN_MS : ACKNOWLEDGED_WITHIN_MS))
      expected = { text, acknowledged: () => { clearTimeout(timer); resolve(true) } }
    })
    try {
      await terminal.paste(text)
      await enter(terminal, text)
    } catch (error) { deps.log(`paste: ${String(error)}`) }
    const heard = await (isCommand(text) ? commandTaken(acknowledged, deps.status) : acknowledged)
    expected = null
    if (heard === 'menu') {
      // A terminal that ended meanwhile has no menu either.
      await terminal.key('Escape').catch((error: unknown) => { deps.log(`menu: ${String(error)}`) })
      mark(prompt, 'refused', MENU)
      return { status: 'refused', detail: MENU }
    }
    if (heard) { mark(prompt, 'accepted'); return { status: 'accepted', detail: null } }
    unclear.set(prompt.promptId, text)
    const detail = 'pasted, but the agent did not confirm it; look at the terminal before you send it again'
    mark(prompt, 'ambiguous', detail)
    return { status: 'ambiguous', detail }
  }

  const pump = async (): Promise<void> => {
    if (busy !== null || queue.length === 0 || !deps.safe()) return
    await exclusive(async () => {
      const terminal = deps.terminal()
      // Asked again inside: a tool call may have come before the door closed.
      const next = terminal !== null && deps.safe() ? queue.shift() : undefined
      if (next === undefined || terminal === null) return
      next.done(await paste(terminal, next))
    })
    if (queue.length > 0) void pump()
  }

  return {
    async submit({ promptId, text }) {
      const known = journal.get(`prompt.${promptId}`)
      if (known === 'accepted') return { status: 'accepted', detail: null }
      if (queue.some((queued) => queued.promptId === promptId)) return { status: 'held', detail: 'it waits for its moment' }
      if (known === 'sent' && expected === null) mark({ promptId, text }, 'ambiguous', 'it was being pasted when the daemon ended')
      if (known === 'sent' || known === 'ambiguous') { unclear.set(promptId, pasteable(text)); return { status: 'ambiguous', detail: 'it was pasted once and will not be pasted again' } }
      if (pasteable(text) === '' || text.length > TEXT_LIMIT) {
        mark({ promptId, text: text.slice(0, 200) }, 'refused', UNFIT)
        return { status: 'refused', detail: UNFIT }
      }
      if (queue.length >= QUEUE_LIMIT) return { status: 'refused', detail: 'too many messages wait already' }
      const done = Promise.withResolvers<PromptResult>()
      queue.push({ promptId, text, done: done.resolve })
      if (busy === null && queue.length === 1 && deps.safe()) { void pump(); return done.promise }
      mark({ promptId, text }, 'queued')
      return { status: 'held', detail: 'the agent is not ready for a message; it is delivered when it is' }
    },
    kick() { void pump() },
    heard(text) {
      if (expected !== null && same(expected.text, text)) { expected.acknowledged(); return }
      for (const [promptId, unclearText] of unclear) {
        if (!same(unclearText, text)) continue
        unclear.delete(promptId)
        mark({ promptId, text }, 'accepted', 'confirmed late')
        return
      }
    },
    async quiet() { while (busy !== null) await busy.catch(() => {}) },
    escape: (allowed) => exclusive(async () => {
      const terminal = deps.terminal()
      return terminal !== null && allowed() && pressEscape(terminal, lastText)
    }),
    held: () => queue.length,
  }
}
