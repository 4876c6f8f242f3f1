/** Who did what, newest first, for owners. */
import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { Section } from './parts.tsx'

type Answer = Awaited<ReturnType<typeof client.listAudit>>
type Record_ = Answer['records'][number]
const PAGE = 50
const KINDS = [['', 'Everything'], ['sign-in', 'Sign-ins'], ['person', 'People'], ['workspace', 'Workspaces'], ['approval', 'Approvals'], ['git.', 'Git'], ['token', 'Tokens'], ['secret', 'Secrets'], ['preview', 'Previews']] as const

export function AuditPart() {
  const records = useSignal<readonly Record_[] | null>(null)
  const intact = useSignal<boolean | null>(null)
  const action = useSignal('')
  const by = useSignal('')
  const more = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const read = async (before?: number) => {
    try {
      const answer = await client.listAudit({ limit: PAGE, verify: before === undefined ? 'true' : 'false', ...(action.value === '' ? {} : { action: action.value }), ...(by.value === '' ? {} : { by: by.value }), ...(before === undefined ? {} : { before }) })
      records.value = before === undefined ? answer.records : [...(records.value ?? []), ...answer.records]
      if (before === undefined) intact.value = answer.intact
      more.value = answer.records.length === PAGE
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
  }
  return (
    <Section title="Record" note="Sign-ins, people, workspaces, approvals, shells and secrets. On the command line, berth audit exports all of it.">
      <RefusalLine refusal={refusal.value} onRetry={() => void read()} />
      <form class="add-row" onSubmit={(event) => { event.preventDefault(); void read() }}>
        <select aria-label="What" value={action.value} onChange={(event) => (action.value = event.currentTarget.value)}>{KINDS.map(([value, words]) => <option key={value} value={value}>{words}</option>)}</select>
        <input aria-label="By whom" placeholder="By whom" maxLength={100} value={by.value} onInput={(event) => (by.value = event.currentTarget.value)} />
        <button type="submit" class="btn">Show</button>
      </form>
      {intact.value !== null && <p class={intact.value ? 'about' : 'about warn'} role="status">{intact.value ? 'Every record is as it was written.' : 'A record was changed or taken out.'}</p>}
      {records.value?.map(({ n, at, actor, action: what, subject, allowed, reason }) => (
        <div key={n} class="setting-row">
          <span class="grow">{inert(what)}{allowed ? '' : ' (refused)'}<small>{inert(actor)}, {when(at, now.value)}{subject === '' ? '' : `: ${inert(subject)}`}{reason === null ? '' : `. ${inert(reason)}`}</small></span>
        </div>
      ))}
      {more.value && <button type="button" class="btn quiet start" onClick={() => void read(records.value?.at(-1)?.n)}>Older ones</button>}
    </Section>
  )
}
