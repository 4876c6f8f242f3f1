import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { Sheet } from '../rooms/sheet.tsx'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { sendLine, type Size } from './attach.ts'

/** One line into the terminal, without opening it. */
export function LineSheet({ which, size, onClose }: { which: Parameters<typeof sendLine>[0]; size: Size; onClose: () => void }) {
  const field = useId()
  const text = useSignal('')
  const state = useSignal<'writing' | 'sending' | 'refused'>('writing')
  const send = async () => {
    if (state.value === 'sending') return
    state.value = 'sending'
    state.value = (await sendLine(which, size, text.value)) === 'sent' ? 'writing' : 'refused'
    if (state.value === 'writing') onClose()
  }
  return (
    <Sheet title="Send one line" onClose={onClose} onSubmit={() => void send()} foot={<button type="submit" class="btn main" disabled={state.value === 'sending'}>{state.value === 'sending' ? 'Sending' : 'Send and press Enter'}</button>}>
      <label class="field" for={field}>
        <span>Typed into what runs in the terminal, then Enter</span>
        <input id={field} class="code-field" autofocus autocapitalize="off" autocomplete="off" autocorrect="off" spellcheck={false} enterkeyhint="send" maxLength={8000} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      {state.value === 'refused' && <RefusalLine refusal={{ code: 'closed', message: 'The terminal did not answer; the line was not typed.', hint: 'It may have ended. Look at the screen and try again.' }} />}
    </Sheet>
  )
}
