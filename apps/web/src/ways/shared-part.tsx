/** Who sees a workspace, and how much of it its owner gave them. Only owners see this. */
import type { Workspace } from '@berth/wire'
import type { WorkspacePerson } from '@berth/wire/people'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { useLoaded } from '../rooms/loaded.ts'
import { may } from '../state/may.ts'
import { client } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { useWork, Way } from './way.tsx'

const GIVEN = [['', 'what their role gives'], ['look', 'look'], ['visit', 'visit its previews'], ['act', 'act in it']] as const
const WORDS: Readonly<Record<WorkspacePerson['level'], string>> = { look: 'looks', visit: 'visits its previews', act: 'acts in it', own: 'decides about it' }

export function SharedPart({ workspace }: { workspace: Workspace }) {
  return may(workspace, 'own') ? <Shared key={workspace.id} workspace={workspace} /> : null
}

function Shared({ workspace: { id } }: { workspace: Workspace }) {
  const people = useLoaded(`people ${id}`, (signal) => client.listWorkspacePeople({ id }, signal))
  const { refusal, working, run } = useWork(people.reload)
  const others = people.value.value?.filter(({ level }) => level !== 'own') ?? []
  const why = refusal.value ?? people.refusal.value
  if (others.length === 0 && why === null) return null
  return (
    <Way title="Who else sees it">
      <RefusalLine refusal={why} onRetry={people.reload} />
      <ul class="rules">
        {others.map(({ userId, name, role, level, given }) => (
          <li key={userId}>
            <span class="grow">{inert(name)}<small>{role}, {WORDS[level]}</small></span>
            <select aria-label={`What ${name} may`} value={given ?? ''} disabled={working.value} onChange={(event) => { const to = GIVEN.find(([value]) => value === event.currentTarget.value)?.[0] ?? ''; void run(() => client.grantWorkspace({ id, userId, level: to === '' ? null : to })) }}>
              {GIVEN.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
            </select>
          </li>
        ))}
      </ul>
    </Way>
  )
}
