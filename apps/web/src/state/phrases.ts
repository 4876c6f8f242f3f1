import { signal } from '@preact/signals'
import { request } from '@berth/client'
import { DEFAULT_PHRASES } from '@berth/wire/phrases'
import { API_PREFIX } from '@berth/wire/routes'
import { endpoint } from './session.ts'

/** Chips above the composer: the person's own, once their settings are read. */
export const phrases = signal<readonly string[]>(DEFAULT_PHRASES)

export async function readPhrases(): Promise<void> {
  try {
    const settings = (await (await request(endpoint, `${API_PREFIX}/settings`, {})).json()) as { phrases?: unknown }
    if (Array.isArray(settings.phrases)) phrases.value = settings.phrases.filter((phrase): phrase is string => typeof phrase === 'string')
  } catch {
    // An older server, or none: the usual ones stay.
  }
}
