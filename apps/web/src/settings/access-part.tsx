import { useSignal } from '@preact/signals'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { refusalOf, useLoaded, type Refusal } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { sizeWords, when } from '../rooms/words.ts'
import { Section } from './parts.tsx'

type Token = Awaited<ReturnType<typeof client.listTokens>>[number]

/** Who may speak to the server. */
export function AccessPart() {
  const tokens = useLoaded('tokens', (signal) => client.listTokens(undefined, signal))
  const asked = useSignal<Token['id'] | null>(null)
  const refusal = useSignal<Refusal | null>(null)
  const revoke = async (id: Token['id']) => {
    asked.value = null
    try {
      await client.revokeToken({ id })
      refusal.value = null
      tokens.reload()
    } catch (error) {
      refusal.value = refusalOf(error)
    }
  }
  const everywhere = async () => {
    try {
      await client.signOutEverywhere({})
      refusal.value = null
    } catch (error) {
      refusal.value = refusalOf(error)
    }
    tokens.reload()
  }
  const others = tokens.value.value?.some(({ kind, current }) => kind !== 'api' && !current) ?? false
  return (
    <Section title="Devices and sign-ins" note={<>Each can do what its scope says, until it is revoked. <code>berth web</code> signs another browser in.</>}>
      <RefusalLine refusal={refusal.value ?? tokens.refusal.value} onRetry={tokens.reload} />
      {tokens.value.value?.map((token) => (
        <div key={token.id} class="setting-row">
          <span class="grow">{inert(token.name)}<small>{inert(token.kind)}{token.scope === 'all' ? '' : `, may ${token.scope}`}{token.current ? ', this one' : ''}, since {when(token.createdAt, now.value)}{token.lastUsedAt === null ? ', never used' : `, used ${when(token.lastUsedAt, now.value)}`}</small></span>
          {asked.value === token.id
            ? <><button type="button" class="btn quiet" onClick={() => (asked.value = null)}>Keep</button><button type="button" class="btn danger-main" onClick={() => void revoke(token.id)}>Revoke {inert(token.name)}</button></>
            : <button type="button" class="btn quiet danger" aria-label={`Revoke ${token.name}`} onClick={() => (asked.value = token.id)}>Revoke</button>}
        </div>
      ))}
      {others && <button type="button" class="btn quiet start" onClick={() => void everywhere()}>Sign out everywhere else</button>}
    </Section>
  )
}

export function ServerPart() {
  const server = useLoaded('server', (signal) => client.server(undefined, signal))
  const info = server.value.value
  const facts = info === null ? [] : [
    ['Version', info.version], ['Address', info.url], ['Running since', when(info.startedAt, now.value)], ['Memory', sizeWords(info.memoryBytes)],
    ['Database', info.database], ['Workspaces', String(info.workspaces)], ['Machines connected', String(info.daemons)], ['Looking now', String(info.viewers)], ['Installation', info.installation],
  ] as const
  return (
    <Section title="Server">
      <RefusalLine refusal={server.refusal.value} onRetry={server.reload} />
      <dl class="server-facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{inert(value)}</dd></div>)}</dl>
      {info?.reaperHeld && <p class="about warn">The server deletes nothing until you say so: {inert(info.reaperHeld)}</p>}
    </Section>
  )
}
