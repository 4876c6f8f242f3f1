/** Keys of this person's devices that sign a browser in. */
import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { Section } from './parts.tsx'

export function PasskeysPart() {
  const keys = useLoaded('passkeys', (signal) => client.listPasskeys(undefined, signal))
  const refusal = useSignal<Refusal | null>(null)
  const work = async (call: () => Promise<unknown>) => {
    try {
      await call()
      refusal.value = null
    } catch (error) {
      // The person sent the browser's question away.
      if (!(error instanceof DOMException)) refusal.value = refusalOf(error)
    }
    keys.reload()
  }
  const add = () => work(async () => {
    const { step, options } = await client.beginPasskey({})
    // The server's library made them for exactly this.
    const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON) })
    if (made instanceof PublicKeyCredential) await client.addPasskey({ step, name: deviceName(), response: made.toJSON() })
  })
  const can = typeof PublicKeyCredential !== 'undefined' && 'parseCreationOptionsFromJSON' in PublicKeyCredential
  return (
    <Section title="Passkeys" note="A key of your device or password manager signs a browser in, without a link.">
      <RefusalLine refusal={refusal.value ?? keys.refusal.value} onRetry={keys.reload} />
      {keys.value.value?.map(({ id, name, addedAt, lastUsedAt }) => (
        <div key={id} class="setting-row">
          <span class="grow">{inert(name)}<small>since {when(addedAt, now.value)}{lastUsedAt === null ? ', never used' : `, used ${when(lastUsedAt, now.value)}`}</small></span>
          <button type="button" class="btn quiet danger" aria-label={`Remove the passkey ${name}`} onClick={() => void work(() => client.removePasskey({ id }))}>Remove</button>
        </div>
      ))}
      {can ? <button type="button" class="btn quiet start" onClick={() => void add()}>Add a passkey</button> : <p class="about">This browser knows no passkeys.</p>}
    </Section>
  )
}

const deviceName = (): string => ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'].find((name) => navigator.userAgent.includes(name)) ?? 'device'
