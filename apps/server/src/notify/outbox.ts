/** Sends what is due. Tokens are made now, for what is sent now; whatever goes wrong, the row comes back or is given up. */
import { decideRetry, decideSend, endingOf, riskOf, saysAll } from '@berth/core'
import type { Approval, ApprovalId, UserId } from '@berth/wire'
import type { ClaimedNotification, Clock, OwnSettings, Store } from '@berth/core'
import type { NotifyMessage } from '@berth/wire/settings'
import { senderFor } from './channels.ts'
import type { ChannelSender, SenderDeps, Sent } from './channels.ts'
import { messageOf } from '../thrown.ts'

export interface OutboxDeps {
  readonly store: Pick<Store, 'notifications' | 'settings' | 'approvals' | 'devices' | 'decisionTokens' | 'hostedRepositories'>
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly senders: () => Promise<SenderDeps>
  /** On any page of this server. */
  isCardOnFocusedScreen(approvalId: ApprovalId, userId: UserId): boolean
}
export interface Outbox {
  /** How many were claimed. */
  pass(): Promise<number>
  test(userId: UserId): Promise<{ channel: string; ok: boolean; detail: string | null }[]>
}

const AT_ONCE = 16
/** Longer than the slowest request. */
const LEASE_MS = 60_000
const PUSH = 'push:'

export function createOutbox(deps: OutboxDeps): Outbox {
  const { store, clock } = deps

  const senderOf = async (channel: ClaimedNotification['channel'], own: OwnSettings): Promise<ChannelSender | null> => {
    const subscription = channel.startsWith(PUSH) ? await store.devices.subscription(channel.slice(PUSH.length)) : null
    return senderFor(await deps.senders(), { channel }, { own, subscription })
  }

  /** A repository that was about to go, and is kept since. */
  const wasKept = async (key: string): Promise<boolean> => {
    const ending = endingOf(key)
    return ending !== null && (await store.hostedRepositories.get(ending.id))?.endsAt !== ending.endsAt
  }

  const deliver = async (row: ClaimedNotification): Promise<void> => {
    const { approvalId, withdraw } = row.message
    // Every id here was written by us.
    const id = approvalId as ApprovalId | null
    const [own, approval] = await Promise.all([store.settings.get(row.userId), id === null ? null : store.approvals.get(id)])
    const seen = id !== null && !withdraw && deps.isCardOnFocusedScreen(id, row.userId)
    const decision = decideSend({ row, settings: own.settings.notify, approval, seen, over: await wasKept(row.key) }, clock.now())
    if (decision.do !== 'send') return store.notifications.finish(row.id, decision, clock.now())
    const sender = await senderOf(row.channel, own)
    if (sender === null) return store.notifications.finish(row.id, { do: 'drop', why: 'the channel is gone' }, clock.now())
    const message: NotifyMessage = { ...row.message, decide: sender.mayDecide && !withdraw ? await tokensFor(deps, row.userId, approval) : null }
    await settleSent(deps, row, await sender.send(message))
  }

  return {
    async pass() {
      const rows = await store.notifications.claim({ limit: AT_ONCE, leaseMs: LEASE_MS }, clock.now())
      await Promise.all(rows.map((row) => deliver(row).catch(async (error: unknown) => {
        deps.log(`notifications: ${row.id}: ${messageOf(error)}`)
        await store.notifications.finish(row.id, decideRetry(row, { gone: false, why: 'internal', afterMs: null }, clock.now()), clock.now())
      })))
      return rows.length
    },
    async test(userId) {
      const own = await store.settings.get(userId)
      const mine = (await store.notifications.channels()).find((one) => one.userId === userId)?.channels ?? []
      const names = new Map((await store.devices.list(userId)).map(({ id, name }) => [`${PUSH}${id}`, name]))
      const message: NotifyMessage = { reason: 'turn-done', title: 'Berth', body: 'This is how your agents will reach you.', tag: 'test', url: '/settings', workspaceId: '', approvalId: null, decide: null, withdraw: false }
      return Promise.all(mine.map(async ({ channel }) => {
        const sent = (await (await senderOf(channel, own))?.send(message)) ?? GONE
        if (channel.startsWith(PUSH)) await store.devices.mark(channel.slice(PUSH.length), sent.ok ? null : sent.why, clock.now())
        return { channel: names.get(channel) ?? channel, ok: sent.ok, detail: sent.ok ? null : sent.why }
      }))
    },
  }
}

const GONE: Sent = { ok: false, gone: true, why: 'the channel is gone', afterMs: null }

/** Only a permission is a yes or a no; what is asked in words, is more than is said here, or wants a held finger for its risk, is answered on its page. */
async function tokensFor({ store, clock }: OutboxDeps, userId: UserId, approval: Approval | null): Promise<NotifyMessage['decide']> {
  if (approval?.kind !== 'permission' || !saysAll(approval)) return null
  if (riskOf(approval.tool, approval.input, approval.cwd).level === 'high') return null
  const { approvalId, contentHash } = approval
  const mint = (behavior: 'allow' | 'deny') => store.decisionTokens.mint({ approvalId, contentHash, userId, behavior }, clock.now())
  const [allow, deny] = await Promise.all([mint('allow'), mint('deny')])
  return { allow, deny }
}

async function settleSent({ store, clock, log }: OutboxDeps, row: ClaimedNotification, sent: Sent): Promise<void> {
  const deviceId = row.channel.startsWith(PUSH) ? row.channel.slice(PUSH.length) : null
  const outcome = sent.ok ? { do: 'sent' as const } : decideRetry(row, sent, clock.now())
  await store.notifications.finish(row.id, outcome, clock.now())
  if (!sent.ok) log(`notifications: ${row.id} over ${row.channel.split(':')[0]}: ${sent.why}${outcome.do === 'drop' ? ', given up' : ''}`)
  if (deviceId === null) return
  // The browser took the subscription back: whoever wants to be told there says so anew.
  if (!sent.ok && sent.gone && /^HTTP 4(04|10)$/.test(sent.why)) await store.devices.remove(row.userId, deviceId)
  else await store.devices.mark(deviceId, sent.ok ? null : sent.why, clock.now())
}
