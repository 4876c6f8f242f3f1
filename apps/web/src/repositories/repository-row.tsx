import { useId } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { WorkspaceId } from '@berth/wire'
import type { HostedRepository, RepositoryToken } from '@berth/wire/hosted'
import { refusalOf, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { sizeWords, when } from '../rooms/words.ts'
import { copy } from '../shell/copy.ts'
import { say } from '../shell/toast.tsx'
import { client, linkTo, now, pathTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'

type Act = (work: () => Promise<unknown>) => Promise<boolean>
interface Shown { readonly repository: HostedRepository; readonly changed: () => void }

/** Its facts and its address; what can be done with it unfolds. */
export function RepositoryRow({ repository, changed }: Shown) {
  const { name, url, label, sizeBytes, quotaBytes, owner, lastActiveAt } = repository
  const open = useSignal(false)
  const inside = useId()
  return (
    <div class="hosted">
      <div class="setting-row">
        <span class="grow">
          <b>{inert(name)}</b>
          <small>{inert(owner)}, {sizeWords(sizeBytes)} of {sizeWords(quotaBytes)}, used {when(lastActiveAt, now.value)}</small>
          {label !== '' && <small>from {inert(label)}</small>}
          <Standing {...repository} />
        </span>
        <button type="button" class="icon" aria-label={`Copy the address of ${name}`} title="Copy the address" onClick={() => void copy(url)}><Icon name="i-read" /></button>
        <button type="button" class="icon" aria-label={`More about ${name}`} aria-expanded={open.value} aria-controls={inside} onClick={() => (open.value = !open.value)}><Icon name="i-more" /></button>
      </div>
      {repository.workspaceId === null && repository.endsAt !== null && <Keep repository={repository} changed={changed} />}
      <div id={inside} hidden={!open.value}>{open.value && <Inside repository={repository} changed={changed} />}</div>
    </div>
  )
}

/** Why it stays, or when it goes. */
function Standing({ workspaceId, endsAt, unfetched, workspaces }: HostedRepository) {
  if (workspaceId !== null) return null
  return (
    <>
      {workspaces.length > 0 && <small>{workspaces.length === 1 ? 'workspace' : 'workspaces'} {inert(workspaces.join(', '))}</small>}
      {endsAt !== null && <small class="warn">taken away on {new Date(endsAt).toLocaleDateString([], { month: 'long', day: 'numeric' })} unless somebody uses it</small>}
      {unfetched > 0 && <small>{unfetched === 1 ? '1 commit' : `${unfetched} commits`} that nobody fetched</small>}
    </>
  )
}

/** One press, where it is said that it goes. */
function Keep({ repository: { id, name }, changed }: Shown) {
  const { refusal, act } = useActs(changed)
  return (
    <div class="hosted-in">
      <RefusalLine refusal={refusal.value} onDismiss={() => (refusal.value = null)} />
      <div class="hosted-acts"><button type="button" class="btn" onClick={() => void act(() => client.keepHostedRepository({ repositoryId: taskOf(id) }))}>Keep {inert(name)}</button></div>
    </div>
  )
}

function useActs(changed: () => void) {
  const refusal = useSignal<Refusal | null>(null)
  const act: Act = async (work) => {
    const failed = await work().then(() => null, refusalOf)
    refusal.value = failed
    if (failed === null) changed()
    return failed === null
  }
  return { refusal, act }
}

function Inside({ repository, changed }: Shown) {
  const { id, workspaceId, name, url } = repository
  const { refusal, act } = useActs(changed)
  return (
    <div class="hosted-in">
      <RefusalLine refusal={refusal.value} onDismiss={() => (refusal.value = null)} />
      <p class="hosted-address">{url}</p>
      <Passwords repository={repository} act={act} />
      <div class="hosted-acts">
        {workspaceId !== null && <a class="btn quiet" {...linkTo(pathTo(workspaceId))}>Open the workspace</a>}
        {workspaceId === null && <Removal name={name} remove={(force) => act(() => client.removeHostedRepository({ repositoryId: taskOf(id), force: force ? 'true' : 'false' }))} refused={refusal.value?.code === 'conflict'} />}
      </div>
    </div>
  )
}

type TaskId = Parameters<typeof client.keepHostedRepository>[0]['repositoryId']
/** One that goes with no workspace has an id of its own. */
const taskOf = (id: HostedRepository['id']): TaskId => id as TaskId
type Access = RepositoryToken['access']
const make = ({ id, workspaceId }: HostedRepository, access: Access): Promise<RepositoryToken> => (workspaceId === null ? client.createHostedToken({ repositoryId: taskOf(id), access }) : client.createRepositoryToken({ id: workspaceId, access }))
const takeBack = ({ id, workspaceId }: { id: HostedRepository['id']; workspaceId: WorkspaceId | null }) => (workspaceId === null ? client.revokeHostedTokens({ repositoryId: taskOf(id) }) : client.revokeRepositoryTokens({ id: workspaceId }))

/** For programs that are not signed in; the command line needs none. */
function Passwords({ repository, act }: { repository: HostedRepository; act: Act }) {
  const made = useSignal<RepositoryToken | null>(null)
  const wanted = (access: Access) => act(async () => { made.value = await make(repository, access) })
  const all = () => act(async () => {
    const { revoked } = await takeBack(repository)
    made.value = null
    say(revoked === 0 ? 'No password was out' : `${revoked === 1 ? 'One password opens' : `${revoked} passwords open`} nothing any more`)
  })
  return (
    <>
      {made.value && (
        <div class="hosted-password" role="status">
          <code>{made.value.token}</code>
          <button type="button" class="btn" onClick={() => void copy(made.value?.token ?? '')}>Copy the password</button>
          <p class="meta">Shown once. The user is {made.value.username}; it may {made.value.access === 'write' ? 'fetch and push' : 'fetch'} until {when(made.value.expiresAt, now.value)}, and whoever has it needs nothing else.</p>
        </div>
      )}
      <div class="hosted-acts">
        <button type="button" class="btn" onClick={() => void wanted('read')}>Password to fetch</button>
        <button type="button" class="btn" onClick={() => void wanted('write')}>Password to push</button>
        <button type="button" class="btn quiet danger" onClick={() => void all()}>Take all passwords back</button>
      </div>
    </>
  )
}

/** Asked once, and once more where the server says what would be lost. */
function Removal({ name, remove, refused }: { name: string; remove: (force: boolean) => Promise<boolean>; refused: boolean }) {
  const asked = useSignal(false)
  if (!asked.value) return <button type="button" class="btn quiet danger" onClick={() => (asked.value = true)}>Remove {inert(name)}</button>
  return (
    <>
      <button type="button" class="btn" onClick={() => (asked.value = false)}>Do not remove it</button>
      <button type="button" class="btn danger-main" onClick={() => void remove(refused)}>{refused ? 'Remove it all the same' : `Remove ${name} for good`}</button>
    </>
  )
}
