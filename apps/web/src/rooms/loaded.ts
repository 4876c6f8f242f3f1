import { useEffect } from 'preact/hooks'
import { useSignal, type ReadonlySignal } from '@preact/signals'
import { BerthError } from '@berth/wire/error'
import { signedOut } from '../state/session.ts'

export interface Refusal { readonly code: string; readonly message: string; readonly hint: string | null }
export interface Loaded<T> { readonly value: ReadonlySignal<T | null>; readonly refusal: ReadonlySignal<Refusal | null>; readonly loading: ReadonlySignal<boolean>; reload(): void; set(value: T): void }

export function refusalOf(error: unknown): Refusal {
  if (error instanceof BerthError) return { code: error.code, message: error.message, hint: error.hint ?? null }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: null }
}

/** Reads when the room opens and whenever `key` changes; what was read stays while it is read again. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const value = useSignal<T | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const loading = useSignal(true)
  const asked = useSignal(0)
  useEffect(() => {
    const stop = new AbortController()
    loading.value = true
    load(stop.signal).then((read) => {
      if (stop.signal.aborted) return
      value.value = read
      refusal.value = null
    }, (error: unknown) => {
      if (stop.signal.aborted) return
      refusal.value = refusalOf(error)
      if (refusal.value.code === 'unauthorized') signedOut.value = true
    }).finally(() => {
      if (!stop.signal.aborted) loading.value = false
    })
    return () => stop.abort()
  }, [key, asked.value])
  return { value, refusal, loading, reload: () => (asked.value += 1), set: (next) => (value.value = next) }
}
