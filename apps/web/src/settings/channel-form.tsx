import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { SettingsRoom } from './settings-state.ts'

interface ChannelFormProps { kind: 'ntfy' | 'webhook'; label: string; url: string | null; hasSecret: boolean; room: SettingsRoom }
const WORDS = {
  ntfy: { address: 'Topic address', example: 'https://ntfy.sh/your-topic', secret: 'Access token', note: 'Whoever knows a public topic reads what is sent to it.' },
  webhook: { address: 'Address', example: 'https://example.com/berth', secret: 'Signing secret', note: 'Gets each message as JSON, signed in Berth-Signature.' },
} as const

/** An address and a secret that is only ever written: it never comes back from the server. */
export function ChannelForm({ kind, label, url, hasSecret, room }: ChannelFormProps) {
  const open = useSignal(false)
  const address = useSignal('')
  const secret = useSignal('')
  const [first, second] = [useId(), useId()]
  const words = WORDS[kind]
  const change = (next: string | null, value: string | null | undefined) => room.change(kind === 'ntfy'
    ? { notify: { ntfy: next === null ? null : { url: next, hasToken: hasSecret } }, ...(value === undefined ? {} : { ntfyToken: value }) }
    : { notify: { webhook: next === null ? null : { url: next, hasSecret } }, ...(value === undefined ? {} : { webhookSecret: value }) })
  const save = async () => {
    if (!await change(address.value.trim(), secret.value === '' ? undefined : secret.value)) return
    open.value = false
    secret.value = ''
  }
  const edit = () => {
    address.value = url ?? ''
    open.value = true
  }
  if (!open.value)
    return (
      <div class="setting-row">
        <span class="grow">{label}<small>{url === null ? 'not set up' : `${url}${hasSecret ? ', with a secret' : ''}`}</small></span>
        {url !== null && <button type="button" class="btn quiet danger" onClick={() => void change(null, null)}>Remove</button>}
        <button type="button" class="btn quiet" onClick={edit}>{url === null ? 'Set up' : 'Change'}<span class="unseen"> {label}</span></button>
      </div>
    )
  return (
    <form class="channel" onSubmit={(event) => { event.preventDefault(); void save() }}>
      <div class="field"><label for={first}>{label}: {words.address.toLowerCase()}</label><input id={first} type="url" required maxLength={512} placeholder={words.example} autocomplete="off" value={address.value} onInput={(event) => (address.value = event.currentTarget.value)} /></div>
      <div class="field"><label for={second}>{words.secret} <small>{hasSecret ? 'kept; write to replace it' : 'optional'}</small></label><input id={second} type="password" maxLength={500} autocomplete="new-password" value={secret.value} onInput={(event) => (secret.value = event.currentTarget.value)} /></div>
      <p class="meta">{words.note}</p>
      <div class="form-acts"><button type="button" class="btn" onClick={() => (open.value = false)}>Cancel</button><button type="submit" class="btn main">Save</button></div>
    </form>
  )
}
