import { useSignal } from '@preact/signals'
import { DEFAULT_PHRASES } from '@berth/wire/phrases'
import { Icon } from '../ui/icon.tsx'
import { readPhrases } from '../state/phrases.ts'
import { Section } from './parts.tsx'
import type { SettingsRoom } from './settings-state.ts'

const MOST = 12
const LETTERS = 200

export function PhrasesPart({ room, phrases }: { room: SettingsRoom; phrases: readonly string[] }) {
  const added = useSignal('')
  const set = async (next: readonly string[]) => {
    const clean = [...new Set(next.map((phrase) => phrase.trim()).filter((phrase) => phrase !== ''))]
    if (await room.change({ phrases: clean })) await readPhrases()
  }
  const edit = (at: number, text: string) => {
    if (text.trim() !== phrases[at]) void set(phrases.map((phrase, index) => (index === at ? text : phrase)))
  }
  const up = (at: number) => set([...phrases.slice(0, at - 1), phrases[at] ?? '', phrases[at - 1] ?? '', ...phrases.slice(at + 1)])
  const add = () => {
    if (added.value.trim() === '') return
    void set([...phrases, added.value])
    added.value = ''
  }
  return (
    <Section title="Phrases" note="Chips above the message, in this order. One tap sends one.">
      <ol class="phrases">
        {phrases.map((phrase, at) => (
          <li key={`${at}-${phrase}`}>
            <input aria-label={`Phrase ${at + 1}`} maxLength={LETTERS} value={phrase} onBlur={(event) => edit(at, event.currentTarget.value)} onKeyDown={(event) => { if (event.key === 'Enter') event.currentTarget.blur() }} />
            <button type="button" class="icon" aria-label={`Move “${phrase}” up`} disabled={at === 0} onClick={() => void up(at)}><Icon name="i-down" class="turned" /></button>
            <button type="button" class="icon" aria-label={`Remove “${phrase}”`} onClick={() => void set(phrases.filter((_, index) => index !== at))}><Icon name="i-x" /></button>
          </li>
        ))}
      </ol>
      {phrases.length < MOST && (
        <form class="add-row" onSubmit={(event) => { event.preventDefault(); add() }}>
          <input aria-label="A new phrase" placeholder="Another phrase" maxLength={LETTERS} value={added.value} onInput={(event) => (added.value = event.currentTarget.value)} />
          <button type="submit" class="btn" disabled={added.value.trim() === ''}>Add</button>
        </form>
      )}
      {phrases.join('\n') !== DEFAULT_PHRASES.join('\n') && <button type="button" class="btn quiet start" onClick={() => void set(DEFAULT_PHRASES)}>Back to the usual ones</button>}
    </Section>
  )
}
