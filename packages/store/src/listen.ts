/**
 * Notifications, for as long as the store is open. The driver's own `listen` gives up for ever when the database is
 * away for longer than its first try to connect again, and nobody learns of it; so this keeps a connection itself.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { connect, type DatabaseAddress } from './address.ts'

const PAUSE_MS = 200

export interface ListenOptions {
  readonly channel: string
  onMessage(payload: string): void
  /** The connection was lost and is back: messages between the two are gone. */
  onMissed(): void
  readonly log: (line: string) => void
}

/** Resolves when it listens; returns what ends it. */
export async function listenTo(address: DatabaseAddress, { channel, onMessage, onMissed, log }: ListenOptions): Promise<() => Promise<void>> {
  const closing = new AbortController()
  let working: Promise<void> | null = null
  const sql = connect(address, {
    max: 1, applicationName: 'berth listen',
    onNotify: (from, payload) => { if (from === channel) onMessage(payload) },
    onClose: () => { if (!closing.signal.aborted) listenAgain() },
  })
  const listenAgain = () => {
    working ??= again().finally(() => { working = null })
  }
  const again = async () => {
    log('events: the database\'s connection was lost')
    while (!closing.signal.aborted) {
      // Refused or closed, or the pause was cut short by the end: either way the loop's condition decides.
      const listening = await sql`listen ${sql(channel)}`.then(() => true, () => false)
      if (listening) return onMissed()
      await wait(PAUSE_MS, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  await sql`listen ${sql(channel)}`
  return async () => {
    closing.abort()
    await sql.end({ timeout: 1 })
    await working
  }
}
