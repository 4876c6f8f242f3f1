import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { Settings } from '@berth/wire/settings'
import { client } from '../state/session.ts'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import type { Saving } from './parts.tsx'

type Change = Parameters<typeof client.changeSettings>[0]
export interface SettingsRoom {
  readonly settings: ReadonlySignal<Settings | null>
  readonly refusal: Signal<Refusal | null>
  readonly saving: ReadonlySignal<Saving>
  read(): Promise<void>
  /** Shown at once, taken back when it is refused. */
  change(change: NonNullable<Change>): Promise<boolean>
}

type Server = Pick<typeof client, 'getSettings' | 'changeSettings'>

export function openSettings(server: Server = client): SettingsRoom {
  const settings = signal<Settings | null>(null)
  const refusal = signal<Refusal | null>(null)
  const saving = signal<Saving>('idle')
  /** The server's last word. What is shown may be ahead of it. */
  let told: Settings | null = null
  /** Changes go one after the other: of two that cross on their way the first could have the last word. */
  let last: Promise<unknown> = Promise.resolve()
  let underWay = 0
  const hear = (said: Settings | null): void => {
    told = said
    if (underWay === 0) settings.value = said
  }
  const inTurn = (change: NonNullable<Change>): Promise<Settings> => {
    const mine = last.then(() => server.changeSettings(change))
    last = mine.catch(() => {})
    return mine
  }
  return {
    settings, refusal, saving,
    async read() {
      try {
        hear(await server.getSettings())
        refusal.value = null
      } catch (error) {
        refusal.value = refusalOf(error)
      }
    },
    async change(change) {
      const before = settings.value
      if (before) settings.value = { phrases: change.phrases ?? before.phrases, notify: { ...before.notify, ...withoutGaps(change.notify ?? {}) } }
      saving.value = 'saving'
      underWay += 1
      try {
        const said = await inTurn(change)
        underWay -= 1
        hear(said)
        refusal.value = null
        if (underWay === 0) saving.value = 'saved'
        return true
      } catch (error) {
        underWay -= 1
        hear(told)
        refusal.value = refusalOf(error)
        if (underWay === 0) saving.value = 'idle'
        return false
      }
    },
  }
}

function withoutGaps<T extends object>(change: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // What is undefined is left out, so nothing of the rest is.
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> }
}
