/** What is told to whom when something happened. Pure: the outbox writes what comes out, the same every time. */
import type { Approval, UserId, WorkspaceId } from '@berth/wire'
import { PUSH_TOOL } from '@berth/wire/approval-rules'
import type { NotifyReason, NotifySettings } from '@berth/wire/settings'
import { namesAllRefs } from '../approval/push-question.ts'
import { riskOf } from '../approval/risk.ts'
import type { Channel, KeptMessage, NewNotification } from '../ports/notify-store.ts'
import { heldUntil } from './quiet.ts'

export type Asked = Pick<Approval, 'approvalId' | 'kind' | 'tool' | 'title' | 'input' | 'cwd' | 'askedAt'>
export type Happening =
  | { readonly kind: 'asked'; readonly approval: Asked }
  | { readonly kind: 'turn-done' | 'failed' | 'stopped'; /** Of the event: told once. */ readonly id: string; readonly at: number; readonly detail: string | null }
  /** The agent's own word to its person. */
  | { readonly kind: 'told'; readonly id: string; readonly at: number; readonly title: string; readonly detail: string }

export interface Listener {
  readonly userId: UserId
  readonly settings: NotifySettings
  readonly channels: readonly { readonly channel: Channel; readonly since: number }[]
  /** They look at this workspace now. A question only waits a moment for its card to come into their sight. */
  readonly present: boolean
  /** How often they were told of this workspace within the last hour. */
  readonly toldLately: number
}

export const askKey = (approvalId: string): string => `ask:${approvalId}`
export const reminderKey = (approvalId: string): string => `remind:${approvalId}`
/** A machine that is not ours any more could make a phone ring all night. Questions have a limit of their own, and wait in the list. */
export const TOLD_PER_HOUR = { questions: 300, others: 60 } as const
/** So long takes a question to a page, and the page's word that it is on a focused screen back. */
export const IN_SIGHT_MS = 1500
const TITLE_LIMIT = 120
const BODY_LIMIT = 500

export function tell(happening: Happening, workspace: { readonly id: WorkspaceId; readonly name: string }, listener: Listener, now: number): NewNotification[] {
  const { userId, channels, settings } = listener
  if (happening.kind === 'asked') {
    const { approval } = happening
    if (listener.toldLately >= TOLD_PER_HOUR.questions) return []
    return channels.flatMap(({ channel }) => [
      ...(settings.reasons['needs-you'] ? [{ userId, channel, key: askKey(approval.approvalId), message: messageOf('needs-you', happening, workspace), dueAt: heldUntil(settings, now + (listener.present ? IN_SIGHT_MS : 0)) }] : []),
      ...(settings.reasons.reminder && settings.reminderMs > 0
        ? [{ userId, channel, key: reminderKey(approval.approvalId), message: messageOf('reminder', happening, workspace), dueAt: heldUntil(settings, approval.askedAt + settings.reminderMs) }]
        : []),
    ])
  }
  const { kind, id, at } = happening
  // Who does not want to hear that it is done does not want to hear from it.
  const reason = kind === 'told' ? 'turn-done' : kind
  const gaveUp = silence(reason, listener)
  return channels.flatMap(({ channel, since }) =>
    at < since ? [] : [{ userId, channel, key: `event:${id}`, message: messageOf(reason, happening, workspace), dueAt: heldUntil(settings, now), ...(gaveUp === null ? {} : { gaveUp }) }])
}

function silence(reason: 'turn-done' | 'failed' | 'stopped', { settings, present, toldLately }: Listener): string | null {
  if (!settings.reasons[reason]) return 'switched off'
  if (present) return 'somebody was looking'
  return toldLately >= TOLD_PER_HOUR.others ? 'too many within an hour' : null
}

const TITLES: Record<NotifyReason, string> = { 'needs-you': 'needs you', reminder: 'still waits for you', 'turn-done': 'is done', failed: 'failed', stopped: 'stopped' }
const TAGS = { 'turn-done': 'turn', failed: 'state', stopped: 'state', told: 'told' } as const
const KIND_TITLES = { permission: 'needs you', question: 'asks', plan: 'has a plan' } as const

function messageOf(reason: NotifyReason, happening: Happening, workspace: { readonly id: WorkspaceId; readonly name: string }): KeptMessage {
  const asked = happening.kind === 'asked' ? happening.approval : null
  const words = reason === 'needs-you' && asked !== null ? KIND_TITLES[asked.kind] : TITLES[reason]
  const title = happening.kind === 'told' ? `${workspace.name}: ${happening.title}` : `${workspace.name} ${words}`
  const shared = { reason, title: cut(title, TITLE_LIMIT), workspaceId: workspace.id, withdraw: false, url: `/workspaces/${workspace.id}` }
  if (happening.kind !== 'asked') return { ...shared, body: cut(happening.detail ?? '', BODY_LIMIT), approvalId: null, tag: `${TAGS[happening.kind]}:${workspace.id}` }
  const { approval } = happening
  const risk = riskOf(approval.tool, approval.input, approval.cwd).text
  return { ...shared, body: `${cut(approval.title.replace(/^mcp__(.+?)__(.+)$/, 'use $1: $2'), risk === null ? BODY_LIMIT : BODY_LIMIT - risk.length - 3)}${risk === null ? '' : ` (${risk})`}`, approvalId: approval.approvalId, tag: askKey(approval.approvalId), url: `${shared.url}?approval=${approval.approvalId}` }
}

/** Whether a notification says all that a yes would run: only then can it be given there. */
export function saysAll({ tool, title, input }: Pick<Approval, 'tool' | 'title' | 'input'>): boolean {
  // What is cut is not said.
  if (plain(title).length > BODY_LIMIT) return false
  if (tool === PUSH_TOOL) return namesAllRefs(input)
  const { command } = input
  return typeof command !== 'string' || plain(title).includes(plain(command))
}
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Z}]+/gu, ' ').trim()

/** One line without what steers a screen; never half a character. */
function cut(text: string, limit: number): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
  if (line.length <= limit) return line
  return `${line.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
