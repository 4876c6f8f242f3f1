/** Other git hosts: whose token or key the server keeps. What is kept is never shown. */
import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { when } from '../rooms/words.ts'
import { Section } from './parts.tsx'

const KINDS = { gitlab: 'GitLab', bitbucket: 'Bitbucket', github: 'GitHub', freestyle: 'Freestyle', generic: 'another' } as const
type Kind = keyof typeof KINDS
const usedWords = (at: number | null): string => (at === null ? 'never used' : `used ${when(at, now.value)}`)

export function GitHostsPart({ owner }: { owner: boolean }) {
  const hosts = useLoaded('git-hosts', (signal) => client.listGitHosts(undefined, signal))
  const keys = useLoaded('deploy-keys', (signal) => client.listDeployKeys(undefined, signal))
  const refusal = useSignal<Refusal | null>(null)
  const asked = useSignal<string | null>(null)
  const work = async (call: () => Promise<unknown>): Promise<boolean> => {
    asked.value = null
    const failed = await call().then(() => null, refusalOf)
    refusal.value = failed
    hosts.reload()
    keys.reload()
    return failed === null
  }
  const forget = (name: string, call: () => Promise<unknown>) => (asked.value === name
    ? <><button type="button" class="btn quiet" onClick={() => (asked.value = null)}>Keep</button><button type="button" class="btn danger-main" onClick={() => void work(call)}>Forget it</button></>
    : <button type="button" class="btn quiet danger" aria-label={`Forget ${name}`} onClick={() => (asked.value = name)}>Forget</button>)
  return (
    <Section title="Other git hosts" note="Their tokens stay with the server. Protect the main branch there: a token may do more than any workspace.">
      <RefusalLine refusal={refusal.value ?? hosts.refusal.value ?? keys.refusal.value} onRetry={hosts.reload} />
      {hosts.value.value?.map(({ id, origin, kind, lastUsedAt }) => (
        <div key={id} class="setting-row">
          <span class="grow">{inert(origin)}<small>{KINDS[kind ?? 'generic'] === 'another' ? 'a token' : `a token of ${KINDS[kind ?? 'generic']}`}, {usedWords(lastUsedAt)}</small></span>
          {owner && forget(origin, () => client.removeGitHost({ hostId: id }))}
        </div>
      ))}
      {keys.value.value?.map(({ id, sshUrl, publicKey, lastUsedAt }) => (
        <div key={id} class="setting-row">
          <span class="grow">{inert(sshUrl)}<small>a deploy key, {usedWords(lastUsedAt)}</small><small>{inert(publicKey)}</small></span>
          {owner && forget(sshUrl, () => client.removeDeployKey({ keyId: id }))}
        </div>
      ))}
      {hosts.value.value?.length === 0 && keys.value.value?.length === 0 && <p class="about">None. Without one, a workspace reads what anybody may read there.</p>}
      {owner && <Add keep={(host) => work(() => client.addGitHost(host))} makeKey={(url) => work(() => client.addDeployKey({ url }))} />}
    </Section>
  )
}

function Add({ keep, makeKey }: { keep: (host: { origin: string; kind: Kind; token: string }) => Promise<boolean>; makeKey: (url: string) => Promise<boolean> }) {
  const kind = useSignal<Kind>('gitlab')
  const origin = useSignal('https://gitlab.com')
  const token = useSignal('')
  const ssh = useSignal('')
  const add = async () => {
    if (await keep({ origin: origin.value.trim().replace(/\/+$/, ''), kind: kind.value, token: token.value.trim() })) token.value = ''
  }
  const make = async () => {
    if (await makeKey(ssh.value.trim())) ssh.value = ''
  }
  return (
    <>
      <form class="add-row" onSubmit={(event) => { event.preventDefault(); void add() }}>
        <select aria-label="Kind of host" value={kind.value} onChange={(event) => { const next = (Object.keys(KINDS) as Kind[]).find((one) => one === event.currentTarget.value); if (next) kind.value = next }}>{Object.entries(KINDS).map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select>
        <input aria-label="Address of the host" type="url" required maxLength={255} value={origin.value} onInput={(event) => (origin.value = event.currentTarget.value)} />
        <input aria-label="Token of the host" type="password" autocomplete="off" required placeholder="Token" maxLength={8192} value={token.value} onInput={(event) => (token.value = event.currentTarget.value)} />
        <button type="submit" class="btn">Keep token</button>
      </form>
      <details class="elsewhere">
        <summary>One repository by ssh</summary>
        <form class="add-row" onSubmit={(event) => { event.preventDefault(); void make() }}>
          <input aria-label="ssh address of a repository" required placeholder="git@host:owner/name.git" maxLength={1000} autocapitalize="off" spellcheck={false} value={ssh.value} onInput={(event) => (ssh.value = event.currentTarget.value)} />
          <button type="submit" class="btn">Make a deploy key</button>
        </form>
      </details>
    </>
  )
}
