import type { Signal } from '@preact/signals'

const KEYS: readonly (readonly [label: string, name: string, keys: string])[] = [
  ['esc', 'Escape', '\u001b'], ['tab', 'Tab', '\t'],
  ['←', 'Left', '\u001b[D'], ['↓', 'Down', '\u001b[B'], ['↑', 'Up', '\u001b[A'], ['→', 'Right', '\u001b[C'], ['|', 'Pipe', '|'], ['/', 'Slash', '/'],
]
const MORE: readonly (readonly [label: string, name: string, keys: string])[] = [
  ['⇧tab', 'Shift Tab', '\u001b[Z'], ['^C', 'Control C', '\u0003'], ['^D', 'Control D', '\u0004'], ['~', 'Tilde', '~'], ['-', 'Dash', '-'], ['enter', 'Enter', '\r'],
]

/** What a keyboard on glass does not have. Control is held for the next letter. */
export function Keys({ control, press }: { control: Signal<boolean>; press: (keys: string) => void }) {
  // The terminal keeps the focus, so the keyboard stays up.
  const stay = (event: Event) => event.preventDefault()
  const key = ([label, name, keys]: (typeof KEYS)[number]) => <button key={name} type="button" aria-label={/^[a-z]/.test(label) && label !== name.toLowerCase() ? `${label}, ${name}` : name} onPointerDown={stay} onClick={() => press(keys)}>{label}</button>
  return (
    <div class="keys" role="toolbar" aria-label="Keys">
      {KEYS.slice(0, 2).map(key)}
      <button type="button" aria-label="ctrl, Control" aria-pressed={control.value} onPointerDown={stay} onClick={() => (control.value = !control.value)}>ctrl</button>
      {KEYS.slice(2).map(key)}
      {MORE.map(key)}
    </div>
  )
}
