import { signal } from '@preact/signals'
import { DEFAULT_PHRASES } from '@berth/wire/phrases'
import { client } from './session.ts'

/** Chips above the composer: the person's own, once their settings are read. */
export const phrases = signal<readonly string[]>(DEFAULT_PHRASES)

export async function readPhrases(): Promise<void> {
  try {
    phrases.value = (await client.getSettings()).phrases
  } catch {
    // An older server, or none: the usual ones stay.
  }
}
