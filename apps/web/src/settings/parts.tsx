import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

export function Section({ title, note, children }: { title: string; note?: ComponentChildren; children: ComponentChildren }) {
  const label = useId()
  return (
    <section class="settings-part" aria-labelledby={label}>
      <h2 id={label}>{title}</h2>
      {note && <p class="meta">{note}</p>}
      <div class="settings-card">{children}</div>
    </section>
  )
}

/** A row with a switch. The whole row is its label. */
export function Switch({ label, note, on, disabled = false, onChange }: { label: string; note?: ComponentChildren; on: boolean; disabled?: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="switch-row">
      <span class="grow">{label}{note && <small>{note}</small>}</span>
      <input type="checkbox" role="switch" checked={on} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
    </label>
  )
}

/** The word a saving stands at; quiet when there is nothing to say. */
export type Saving = 'idle' | 'saving' | 'saved'
export function SavingWord({ state }: { state: Saving }) {
  return <span class="meta" role="status">{state === 'saving' ? 'Saving' : state === 'saved' ? 'Saved' : ''}</span>
}
