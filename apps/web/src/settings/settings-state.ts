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

export function openSettings(): SettingsRoom {
  const settings = signal<Settings | null>(null)
  const refusal = signal<Refusal | null>(null)
  const saving = signal<Saving>('idle')
  return {
    settings, refusal, saving,
    async read() {
      try {
        settings.value = await client.getSettings()
        refusal.value = null
      } catch (error) {
        refusal.value = refusalOf(error)
      }
    },
    async change(change) {
      const before = settings.value
      if (before) settings.value = { phrases: change.phrases ?? before.phrases, notify: { ...before.notify, ...withoutGaps(change.notify ?? {}) } }
      saving.value = 'saving'
      try {
        settings.value = await client.changeSettings(change)
        refusal.value = null
        saving.value = 'saved'
        return true
      } catch (error) {
        settings.value = before
        refusal.value = refusalOf(error)
        saving.value = 'idle'
        return false
      }
    },
  }
}

function withoutGaps<T extends object>(change: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // What is undefined is left out, so nothing of the rest is.
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> }
}
