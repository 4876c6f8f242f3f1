/** Who one's commits are by, and whether they are signed. */
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { client } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Section, Switch } from './parts.tsx'

type Identity = Awaited<ReturnType<typeof client.getCommitIdentity>>
const FROM: Readonly<Record<Identity['from'], string>> = { person: '', git: 'As the git of your machine has it.', 'sign-in': 'As GitHub knows you.', none: 'Nothing is known of you yet: commits are by “Berth”.' }

export function CommitsPart() {
  const loaded = useLoaded('commits', (signal) => client.getCommitIdentity(undefined, signal))
  const refusal = useSignal<Refusal | null>(null)
  const [name, email] = [useSignal(''), useSignal('')]
  const identity = loaded.value.value
  useEffect(() => {
    name.value = identity?.name ?? ''
    email.value = identity?.email ?? ''
  }, [identity?.name, identity?.email])
  const work = async (call: () => Promise<Identity>) => {
    try {
      loaded.set(await call())
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
  }
  return (
    <Section title="Your commits" note="In workspaces that you make. A repository with an identity of its own keeps it.">
      <RefusalLine refusal={refusal.value ?? loaded.refusal.value} onRetry={loaded.reload} />
      {identity && (
        <>
          <form class="add-row" onSubmit={(event) => { event.preventDefault(); void work(() => client.setCommitIdentity({ name: name.value, email: email.value })) }}>
            <input aria-label="Name in commits" autocomplete="name" required maxLength={200} placeholder="Your name" value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
            <input aria-label="Address in commits" type="email" autocomplete="email" required maxLength={200} placeholder="you@example.org" value={email.value} onInput={(event) => (email.value = event.currentTarget.value)} />
            <button type="submit" class="btn" disabled={name.value === identity.name && email.value === identity.email}>Save identity</button>
          </form>
          {FROM[identity.from] !== '' && <p class="about">{FROM[identity.from]}</p>}
          <Switch label="Name berth[bot] as a co-author" note="In each commit that is made in a workspace" on={identity.coAuthor} onChange={(coAuthor) => void work(() => client.setCommitIdentity({ coAuthor }))} />
          <Switch label="Sign commits" note="With a key that never leaves this server. Each signature is written down." on={identity.signingKey !== null} disabled={identity.email === ''} onChange={(on) => void work(() => (on ? client.makeSigningKey({}) : client.removeSigningKey({})))} />
          {identity.signingKey && <div class="setting-row"><span class="grow">Add this at your git host, as a signing key<small>{inert(identity.signingKey.publicKey)}</small></span></div>}
        </>
      )}
    </Section>
  )
}
