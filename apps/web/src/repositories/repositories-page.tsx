/** The repositories that this server keeps: whose they are, how large, when they go, and how git reaches them. */
import { useEffect } from 'preact/hooks'
import type { HostedRepository } from '@berth/wire/hosted'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import '../rooms/sheet.tsx'
import { sizeWords } from '../rooms/words.ts'
import { Section } from '../settings/parts.tsx'
import settingsCss from '../settings/settings.css' with { type: 'text' }
import { Skeleton } from '../shell/lazy.tsx'
import { client, linkTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { RepositoryRow } from './repository-row.tsx'
import css from './repositories.css' with { type: 'text' }

adoptStyle(settingsCss)
adoptStyle(css)

export function RepositoriesPage() {
  const found = useLoaded('hosted', (signal) => client.listHostedRepositories(undefined, signal))
  useEffect(() => {
    document.title = 'Repositories · Berth'
    return () => (document.title = 'Berth')
  }, [])
  const all = found.value.value
  const ofTasks = all?.filter(({ workspaceId }) => workspaceId === null) ?? []
  const ofWorkspaces = all?.filter(({ workspaceId }) => workspaceId !== null) ?? []
  return (
    <main class="settings" aria-label="Repositories">
      <header class="settings-head">
        <a class="icon" aria-label="Settings" {...linkTo('/settings')}><Icon name="i-back" /></a>
        <h1>Repositories kept here</h1>
      </header>
      <div class="settings-scroll">
        <RefusalLine refusal={found.refusal.value} onRetry={found.reload} />
        {all === null && !found.refusal.value && <Skeleton name="The list of repositories" />}
        {all?.length === 0 && <p class="hosted-none">None yet. A workspace that is made of a directory of yours gets one, and this makes one to push to: <code>berth repos create ledger .</code></p>}
        {ofTasks.length > 0 && <List title="Of tasks" note="Made to bring code to workspaces. One that nobody uses goes after a while; what nobody fetched keeps it." rows={ofTasks} changed={found.reload} />}
        {ofWorkspaces.length > 0 && <List title="Of workspaces" note="Each goes with its workspace." rows={ofWorkspaces} changed={found.reload} />}
        {all !== null && all.length > 0 && <Section title="Room"><Room all={all} /></Section>}
      </div>
    </main>
  )
}

function List({ title, note, rows, changed }: { title: string; note: string; rows: readonly HostedRepository[]; changed: () => void }) {
  return <Section title={title} note={note}>{rows.map((each) => <RepositoryRow key={each.id} repository={each} changed={changed} />)}</Section>
}

/** What all of a person's have together. */
function Room({ all }: { all: readonly HostedRepository[] }) {
  const owners = [...new Map(all.map((each) => [each.owner, each])).values()]
  return (
    <>
      {owners.map(({ owner, ownerBytes, ownerQuotaBytes }) => (
        <div key={owner} class="hosted-room">
          <span>{inert(owner)}</span><span class="meta">{sizeWords(ownerBytes)} of {sizeWords(ownerQuotaBytes)}</span>
          <meter min={0} max={ownerQuotaBytes} high={ownerQuotaBytes * NEARLY} value={Math.min(ownerBytes, ownerQuotaBytes)} aria-label={`${sizeWords(ownerBytes)} of ${sizeWords(ownerQuotaBytes)} of ${owner}`} />
        </div>
      ))}
    </>
  )
}
const NEARLY = 0.9
