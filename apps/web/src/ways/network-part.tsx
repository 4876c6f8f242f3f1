/** Where a workspace may go, and where it was not let go; changed at once, while it runs. */
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import type { EgressMode, EgressRefusal } from '@berth/wire/egress'
import { EGRESS_GROUPS } from '@berth/wire/egress-rules'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { useLoaded } from '../rooms/loaded.ts'
import { when } from '../rooms/words.ts'
import { may } from '../state/may.ts'
import { client, now } from '../state/session.ts'
import { inert } from '../ui/inert.ts'
import { useWork, Way } from './way.tsx'

const MODES: readonly (readonly [EgressMode, string, string])[] = [
  ['open', 'Internet', 'The public internet; no private network, and no service of its host.'],
  ['allowlist', 'Listed hosts', 'What is listed below; you are asked about the rest.'],
  ['none', 'Nothing', 'Nothing but its own server: code and models.'],
]
/** Of those it was not let go; the newest say enough. */
const REFUSALS = 20

export function NetworkPart({ workspace }: { workspace: Workspace }) {
  const { id } = workspace
  const egress = useLoaded(`egress ${id}`, (signal) => client.getEgress({ id }, signal))
  const { refusal, working, run } = useWork(egress.reload)
  const own = may(workspace, 'own')
  const known = egress.value.value
  const change: Change = (to) => run(() => client.setEgress({ id, ...to }))
  if (known === null) return <RefusalLine refusal={egress.refusal.value} onRetry={egress.reload} />
  const { policy, refusals } = known
  const off = !own || working.value
  return (
    <Way title="Network">
      <RefusalLine refusal={refusal.value} />
      <div class="segments" role="group" aria-label="Where it may go">{MODES.map(([mode, label]) => <button key={mode} type="button" aria-pressed={policy.mode === mode} disabled={off || (policy.enforced === false && mode !== 'open')} onClick={() => void change({ mode })}>{label}</button>)}</div>
      <p class="meta">{policy.enforced === false ? 'Nothing stands between this machine and the network.' : MODES.find(([mode]) => mode === policy.mode)?.[2]}</p>
      {policy.mode === 'allowlist' && <Listed allow={policy.allow} own={own} off={off} change={change} />}
      {policy.deny.length > 0 && <ul class="rules" aria-label="Refused hosts">{policy.deny.map((rule) => <Rule key={rule} rule={rule} word="refused" off={off} forget={() => void change({ forget: [rule] })} />)}</ul>}
      {refusals.length > 0 && <Refused refusals={refusals} may={own && policy.mode === 'allowlist' ? (rule) => !policy.allow.includes(rule) : () => false} off={off} allow={(rule) => void change({ allow: [rule] })} />}
      {!own && <p class="meta">The owner of the workspace decides about it.</p>}
    </Way>
  )
}

type Change = (to: Omit<Parameters<typeof client.setEgress>[0], 'id'>) => Promise<boolean>

function Listed({ allow, own, off, change }: { allow: readonly string[]; own: boolean; off: boolean; change: Change }) {
  const host = useSignal('')
  const add = async () => {
    const rule = host.value.trim().toLowerCase()
    if (rule !== '' && (await change({ allow: [rule] }))) host.value = ''
  }
  return (
    <>
      <ul class="rules" aria-label="Allowed hosts">{allow.map((rule) => <Rule key={rule} rule={rule} word="allowed" off={off} forget={() => void change({ forget: [rule] })} />)}</ul>
      {own && <form class="way-add" onSubmit={(event) => { event.preventDefault(); void add() }}><input aria-label="Host to allow" placeholder="api.example.com" autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={260} value={host.value} onInput={(event) => (host.value = event.currentTarget.value)} /><button type="submit" class="btn" disabled={off}>Allow</button></form>}
    </>
  )
}

/** A name is allowed with one tap. An address has to be written: most that are refused are private, and stay so. */
function Refused({ refusals, may: offered, off, allow }: { refusals: readonly EgressRefusal[]; may: (rule: string) => boolean; off: boolean; allow: (rule: string) => void }) {
  return (
    <>
      <h3>Not let through</h3>
      <ul class="rules" aria-label="Not let through">
        {refusals.slice(0, REFUSALS).map(({ host, port, times, lastAt, why }) => {
          const rule = isUsual(port) ? host : `${host}:${port}`
          return (
            <li key={rule}>
              <span class="grow">{inert(rule)}<small>{times > 1 ? `${times} times, last ` : ''}{when(lastAt, now.value)}: {inert(why)}</small></span>
              {!isAddress(host) && offered(rule) && <button type="button" class="btn quiet" disabled={off} aria-label={`Allow ${rule}`} onClick={() => allow(rule)}>Allow</button>}
            </li>
          )
        })}
      </ul>
    </>
  )
}
const isUsual = (port: number): boolean => port === 443 || port === 80
const isAddress = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':')

function Rule({ rule, word, off, forget }: { rule: string; word: string; off: boolean; forget(): void }) {
  const group = rule.startsWith('@') ? EGRESS_GROUPS[rule.slice(1)] : undefined
  return <li><span class="grow">{inert(rule)}{group && <small>{group.join(', ')}</small>}</span><button type="button" class="btn quiet" disabled={off} aria-label={`${rule} is ${word}: forget it`} onClick={forget}>Forget</button></li>
}
