/** GitHub: the app that workspaces reach it by, where it is installed, and what to do where it is not. */
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { client } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Section } from './parts.tsx'

type Connection = Awaited<ReturnType<typeof client.listGitHubConnections>>[number]
/** Not from the contract: that brings a parser along, which is not for pages. */
const GITHUB_ORIGIN = 'https://github.com'
const NOTE = 'Workspaces reach the repositories that you choose, by an app of your own. No token enters a machine.'

export function GitHubPart({ role }: { role: string }) {
  const connections = useLoaded('github', (signal) => client.listGitHubConnections(undefined, signal))
  const refusal = useSignal<Refusal | null>(null)
  const owner = role === 'owner'
  // Whoever chose repositories at GitHub comes back to what is so now.
  useEffect(() => {
    window.addEventListener('focus', connections.reload)
    return () => window.removeEventListener('focus', connections.reload)
  }, [])
  const connect = async (input: { origin: string; organization?: string }) => {
    try {
      const { url } = await client.beginGitHubSetup(input)
      location.href = url
    } catch (error) {
      refusal.value = refusalOf(error)
    }
  }
  const remove = async (origin: string) => {
    try {
      await client.removeGitHubApp({ origin })
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
    connections.reload()
  }
  const found = connections.value.value
  return (
    <Section title="GitHub" note={NOTE}>
      <RefusalLine refusal={refusal.value ?? connections.refusal.value} onRetry={connections.reload} />
      {found?.map((connection) => <App key={connection.app.origin} connection={connection} owner={owner} connect={(origin) => void connect({ origin })} remove={(origin) => void remove(origin)} />)}
      {found?.length === 0 && (
        <div class="setting-row">
          <span class="grow">Not connected<small>{owner ? 'Private repositories and pull requests need it. One press at GitHub makes the app.' : 'An owner connects it.'}</small></span>
          {owner && <button type="button" class="btn main" onClick={() => void connect({ origin: GITHUB_ORIGIN })}>Connect GitHub</button>}
        </div>
      )}
      {owner && found && <Elsewhere connect={(input) => void connect(input)} />}
    </Section>
  )
}

const hostOf = (origin: string): string => origin.replace(/^https?:\/\//, '')
const STATES: Readonly<Record<Connection['state'], string>> = { connected: 'Connected', nowhere: 'No repository chosen yet', suspended: 'Suspended there', revoked: 'GitHub does not know this app any more', unreachable: 'GitHub did not answer' }

function App({ connection: { app, state, message, installations }, owner, connect, remove }: { connection: Connection; owner: boolean; connect: (origin: string) => void; remove: (origin: string) => void }) {
  const asked = useSignal(false)
  const broken = state === 'revoked'
  return (
    <>
      <div class="setting-row">
        <span class="grow">{inert(app.name)}<small class={state === 'connected' ? undefined : 'warn'}>{inert(standing(app, state, message))}</small></span>
        {owner && (asked.value
          ? <><button type="button" class="btn quiet" onClick={() => (asked.value = false)}>Keep</button><button type="button" class="btn danger-main" onClick={() => remove(app.origin)}>Disconnect {inert(app.name)}</button></>
          : <button type="button" class="btn quiet danger" aria-label={`Disconnect ${app.name}`} onClick={() => (asked.value = true)}>Disconnect</button>)}
      </div>
      {broken && owner && <div class="setting-row"><span class="grow">What runs goes on without it<small>private repositories wait for another app</small></span><button type="button" class="btn main" onClick={() => connect(app.origin)}>Connect again</button></div>}
      {installations.map((each) => (
        <div key={each.account} class="setting-row">
          <span class="grow">{inert(each.account)}<small class={each.suspended ? 'warn' : undefined}>{each.suspended ? 'suspended: its repositories are not reached' : each.repositories === 'all' ? 'all repositories' : 'chosen repositories'}</small></span>
          <There url={each.manageUrl} says={`Change the repositories of ${each.account}`}>{each.suspended ? 'Let in again' : 'Change'}</There>
        </div>
      ))}
      {!broken && state !== 'unreachable' && (
        <div class="setting-row">
          <span class="grow">{installations.length === 0 ? 'Choose what it may reach' : 'Another account or organisation'}</span>
          <There url={app.installUrl} main={installations.length === 0} says={installations.length === 0 ? 'Choose repositories at GitHub' : 'Choose repositories of another account'}>Choose repositories</There>
        </div>
      )}
    </>
  )
}

function standing({ origin, hook }: Connection['app'], state: Connection['state'], message: string | null): string {
  const first = `${STATES[state]}, ${hostOf(origin)}`
  if (state === 'unreachable' || state === 'revoked') return state === 'unreachable' && message !== null ? `${first}: ${message}` : first
  return hook ? `${first}. ${hook.current ? 'Tells this server what happens' : 'Asked now and then what happened'}` : first
}

/** To GitHub's own pages, in a tab of their own. What it named is no address of the web: no way there. */
function There({ url, says, main = false, children }: { url: string; says: string; main?: boolean; children: ComponentChildren }) {
  return /^https?:\/\//.test(url) ? <a class={main ? 'btn main' : 'btn'} href={url} target="_blank" rel="noreferrer" aria-label={says}>{children}</a> : null
}

function Elsewhere({ connect }: { connect: (input: { origin: string; organization?: string }) => void }) {
  const organization = useSignal('')
  const origin = useSignal('')
  const go = () => connect({ origin: origin.value.trim() || GITHUB_ORIGIN, ...(organization.value.trim() === '' ? {} : { organization: organization.value.trim() }) })
  return (
    <details class="elsewhere">
      <summary>For an organisation, or a GitHub of your own</summary>
      <form class="add-row" onSubmit={(event) => { event.preventDefault(); go() }}>
        <input aria-label="Organisation at GitHub" placeholder="Organisation" maxLength={100} pattern="[A-Za-z0-9\-]+" autocapitalize="off" spellcheck={false} value={organization.value} onInput={(event) => (organization.value = event.currentTarget.value)} />
        <input aria-label="Address of a GitHub of your own" placeholder={GITHUB_ORIGIN} type="url" maxLength={255} value={origin.value} onInput={(event) => (origin.value = event.currentTarget.value)} />
        <button type="submit" class="btn">Make its app</button>
      </form>
    </details>
  )
}
