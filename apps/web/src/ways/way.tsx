import type { ComponentChildren } from 'preact'
import { useSignal, type ReadonlySignal } from '@preact/signals'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'

export function Way({ title, children }: { title: string; children: ComponentChildren }) {
  return <section class="way" aria-label={title}><h2>{title}</h2>{children}</section>
}

/** One thing at a time; what is refused is said, and in the end it is looked at anew. */
export function useWork(after: () => void): { readonly refusal: ReadonlySignal<Refusal | null>; readonly working: ReadonlySignal<boolean>; run(call: () => Promise<unknown>): Promise<boolean> } {
  const refusal = useSignal<Refusal | null>(null)
  const working = useSignal(false)
  const run = async (call: () => Promise<unknown>) => {
    if (working.value) return false
    working.value = true
    try {
      await call()
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      working.value = false
    }
    after()
    return refusal.value === null
  }
  return { refusal, working, run }
}
