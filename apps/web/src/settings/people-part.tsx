/** Who is in the organisation, and the links that let others in. Whoever may only look sees the list. */
import { useSignal } from '@preact/signals'
import type { Role } from '@berth/wire/access'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { GitHostsPart } from './git-hosts-part.tsx'
import { GitHubPart } from './github-part.tsx'
import { Section } from './parts.tsx'

type Person = Awaited<ReturnType<typeof client.listPeople>>[number]
const ROLES: readonly Role[] = ['owner', 'member', 'viewer', 'guest']
const INVITED = ['owner', 'member', 'viewer'] as const
type Invited = (typeof INVITED)[number]

export function PeoplePart() {
  const me = useLoaded('me', (signal) => client.me(undefined, signal))
  const role = me.value.value?.role
  if (role === undefined) return <RefusalLine refusal={me.refusal.value} onRetry={me.reload} />
  if (role !== 'owner' && role !== 'member') {
    return <Section title="People"><p class="about">You are a {role} of {inert(me.value.value?.organisation.name ?? '')}. Its owners decide about people.</p></Section>
  }
  return (
    <>
      <GitHubPart role={role} />
      <GitHostsPart owner={role === 'owner'} />
      <People owner={role === 'owner'} organisation={me.value.value?.organisation.name ?? ''} />
    </>
  )
}

function People({ owner, organisation }: { owner: boolean; organisation: string }) {
  const people = useLoaded('people', (signal) => client.listPeople(undefined, signal))
  const asked = useSignal<Person['userId'] | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const work = async (call: () => Promise<unknown>) => {
    asked.value = null
    try {
      await call()
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
    people.reload()
  }
  return (
    <Section title={`People of ${organisation}`} note="Owners decide about people and credentials, members make workspaces, viewers look. The owner of a workspace gives more of it.">
      <RefusalLine refusal={refusal.value ?? people.refusal.value} onRetry={people.reload} />
      {people.value.value?.map((person) => (
        <div key={person.userId} class="setting-row">
          <span class="grow">{inert(person.name)}<small>{person.logins.length > 0 ? `${inert(person.logins.join(', '))}, ` : ''}{person.lastSeenAt === null ? 'not seen yet' : `seen ${when(person.lastSeenAt, now.value)}`}</small></span>
          {!owner || person.keeps ? <span class="meta">{person.role}</span> : asked.value === person.userId
            ? <><button type="button" class="btn quiet" onClick={() => (asked.value = null)}>Keep</button><button type="button" class="btn danger-main" onClick={() => void work(() => client.removePerson({ userId: person.userId }))}>Remove {inert(person.name)}</button></>
            : (
              <>
                <select aria-label={`Role of ${person.name}`} value={person.role} onChange={(event) => { const to = ROLES.find((one) => one === event.currentTarget.value); if (to) void work(() => client.setRole({ userId: person.userId, role: to })) }}>
                  {ROLES.map((one) => <option key={one} value={one}>{one}</option>)}
                </select>
                <button type="button" class="btn quiet danger" aria-label={`Remove ${person.name}`} onClick={() => (asked.value = person.userId)}>Remove</button>
              </>
            )}
        </div>
      ))}
      {owner && <Invite />}
    </Section>
  )
}

function Invite() {
  const open = useLoaded('invitations', (signal) => client.listInvitations(undefined, signal))
  const role = useSignal<Invited>('viewer')
  const note = useSignal('')
  const made = useSignal<string | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const work = async (call: () => Promise<unknown>) => {
    try {
      await call()
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
    open.reload()
  }
  const invite = () => work(async () => {
    made.value = (await client.invite({ role: role.value, note: note.value })).url
    note.value = ''
  })
  return (
    <>
      <RefusalLine refusal={refusal.value ?? open.refusal.value} onRetry={open.reload} />
      {open.value.value?.map(({ id, role: as, note: whom, expiresAt }) => (
        <div key={id} class="setting-row">
          <span class="grow">Invitation{whom === '' ? '' : ` for ${inert(whom)}`}<small>as {as}, until {new Date(expiresAt).toLocaleDateString()}</small></span>
          <button type="button" class="btn quiet danger" aria-label={`Take back the invitation${whom === '' ? '' : ` for ${whom}`}`} onClick={() => void work(() => client.revokeInvitation({ invitationId: id }))}>Take back</button>
        </div>
      ))}
      {made.value !== null && <div class="setting-row"><span class="grow">Send this link. It lets one person in, once.<small>{inert(made.value)}</small></span></div>}
      <form class="add-row" onSubmit={(event) => { event.preventDefault(); void invite() }}>
        <select aria-label="Role of the invitation" value={role.value} onChange={(event) => { role.value = INVITED.find((one) => one === event.currentTarget.value) ?? 'viewer' }}>{INVITED.map((one) => <option key={one} value={one}>{one}</option>)}</select>
        <input aria-label="For whom" placeholder="For whom" maxLength={200} value={note.value} onInput={(event) => (note.value = event.currentTarget.value)} />
        <button type="submit" class="btn">Invite</button>
      </form>
    </>
  )
}
