/** What a workspace is, costs and waits for: the phone's Status, and the Cost tab of a wide screen. */
import '../shell/late-style.ts'
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { ComponentChild } from 'preact'
import type { Workspace } from '@berth/wire'
import { presence, streamOf } from '../state/live.ts'
import { may } from '../state/may.ts'
import { attempt, client, now, offlineSince } from '../state/session.ts'
import type { Card } from '../state/stream-view.ts'
import { StateBadge, stateOf } from '../ui/state.tsx'
import { ago, shortNumber, duration, money, perHour, plural, timeOf } from '../ui/words.ts'
import { inert } from '../ui/inert.ts'
import { Lazy } from '../shell/lazy.tsx'
import { lazySheet } from '../shell/sheets.ts'
import { canPause, pause, wake } from '../shell/actions.ts'
import { OriginLine } from '../rooms/origin-line.tsx'
import { Steps } from './steps.tsx'
import { RecoveryCard } from './recovery-card.tsx'
import { PlanEntries } from './stream-pane.tsx'

const pull = async () => (await import('../rooms/pull-part.tsx')).PullPart
const ways = async () => (await import('../ways/ways.tsx')).Ways

export function StatusPane({ workspace }: { workspace: Workspace }) {
  const stream = streamOf(workspace.id)
  const { cards, plan } = stream.view.value
  const turns = cards.filter((card) => card.kind === 'turn')
  const spent = useSpent(workspace)
  return (
    <div class="status">
      <header class="status-head">
        <StateBadge of={workspace} />
        <p>{inert(whyOf(workspace))}</p>
        <div class="row">
          {canPause(workspace) ? <button type="button" class="btn" disabled={!may(workspace)} onClick={() => void pause(workspace)}>Pause</button> : <button type="button" class="btn main" disabled={!may(workspace)} onClick={() => void wake(workspace)}>Wake</button>}
          <button type="button" class="btn" onClick={() => lazySheet('qr', workspace)}>Open on a phone</button>
        </div>
      </header>
      <RecoveryCard workspace={workspace} />
      <OriginLine workspace={workspace} />
      {workspace.origin && <Lazy load={pull} props={{ workspace, Part }} name="Its pull request" />}
      <Cost workspace={workspace} turns={turns} />
      {plan.length > 0 && <Part title="Plan"><ol class="plan-list"><PlanEntries entries={plan} /></ol></Part>}
      <Viewers workspace={workspace} />
      <Part title="Machine">
        <dl class="facts">
          <Fact name="Code" value={`${workspace.repository}${workspace.branch ? `, ${workspace.branch}` : ''}`} />
          <Fact name="Where" value={[workspace.provider, workspace.isolation === 'none' ? 'the agent runs with your rights' : workspace.isolation, workspace.image].filter(Boolean).join(', ')} />
          <Fact name="Price" value={workspace.cost ? `${perHour(workspace.cost)} ${workspace.cost.state === 'stopped' ? 'for what is kept' : 'while it runs'}` : ''} />
          <Fact name="Spent" value={spent.value} />
          <Fact name="Agent" value={`${workspace.agent}, approvals: ${workspace.approvalMode}`} />
          {workspace.exposures.map(({ name, warning }) => <Fact key={name} name={name} value={warning} />)}
          <Fact name="Status" value={workspace.statusMessage ?? ''} />
          <Fact name="Started" value={workspace.startedAt === null ? '' : ago(workspace.startedAt, now.value)} />
        </dl>
      </Part>
      <Lazy load={ways} props={{ workspace }} name="Its ways out" />
      <Boot workspace={workspace} />
    </div>
  )
}

/** On the machine, in this month. Asked only where something is paid for. */
function useSpent({ id, cost }: Workspace) {
  const spent = useSignal('')
  const paid = cost !== undefined
  useEffect(() => {
    if (!paid || offlineSince.value !== null) return
    const gone = new AbortController()
    client.listCosts({ workspace: id }, gone.signal).then((costs) => {
      spent.value = costs.flatMap(({ micros, currency }) => (currency === null ? [] : [`${money(micros, currency)} this month`])).join(', ')
    }, () => undefined)
    return () => gone.abort()
  }, [id, paid])
  return spent
}

/** Rates of the machine; what was spent on it stands with what was spent on models. */
const price = ({ cost }: Workspace): string => (cost ? `. Still billed: ${perHour(cost)} for what is kept.` : '. $0.00 an hour.')

/** Why it is still on, or why it stopped. */
function whyOf(workspace: Workspace): string {
  if (offlineSince.value !== null) return `As of ${timeOf(offlineSince.value)}; the server is not heard.`
  const { reasons, stopsAt } = workspace.idle
  const { name } = stateOf(workspace)
  if (workspace.reason === 'rebuild') return 'Its machine is made anew and starts by itself.'
  if (name === 'sleeping') return `Asleep${workspace.wish.reason ? `: ${workspace.wish.reason}` : workspace.wish.by === 'idle' ? ' because nothing happened' : workspace.wish.by === 'user' ? ' because somebody paused it' : ''}${price(workspace)} ${workspace.phase === 'stopped' ? 'It wakes when somebody says so.' : 'A message wakes it.'}`
  if (workspace.error) return workspace.error.message
  if (reasons.length > 0) return `Stays on: ${reasons.map(({ detail }) => detail).join('; ')}.`
  if (stopsAt !== null && stopsAt > now.value) return `Sleeps in ${duration(stopsAt - now.value)} unless something happens.`
  return workspace.idle.autoStopMs === 0 ? 'Stays on until somebody pauses it.' : ''
}

function Part({ title, children }: { title: string; children: ComponentChild }) {
  return <section class="part" aria-label={title}><h2>{title}</h2>{children}</section>
}

function Fact({ name, value }: { name: string; value: string }) {
  return value === '' ? null : <div><dt>{name}</dt><dd>{inert(value)}</dd></div>
}

function Cost({ workspace, turns }: { workspace: Workspace; turns: (Card & { kind: 'turn' })[] }) {
  const { usage } = workspace
  if (!usage && turns.length === 0) return null
  const most = Math.max(1, ...turns.map((turn) => turn.tokens))
  return (
    <Part title="Cost">
      {usage && (
        <div class="sums">
          {usage.costMicros !== null && <p><b>{money(usage.costMicros)}</b>so far</p>}
          <p><b>{shortNumber(usage.inputTokens)}</b>tokens read</p>
          <p><b>{shortNumber(usage.outputTokens)}</b>tokens written</p>
          {usage.contextPercent !== null && usage.contextPercent >= 1 && <p><b>{Math.round(usage.contextPercent)} %</b>of the context</p>}
        </div>
      )}
      {usage?.model && <p class="meta">{inert(usage.model)}</p>}
      {turns.length > 0 && (
        <table class="turns">
          <thead><tr><th>Turn</th><th>Took</th><th>Files</th><th>{typeof usage?.costMicros === 'number' ? 'Cost' : 'Tokens'}</th></tr></thead>
          <tbody>
            {turns.slice(-20).map((turn) => (
              <tr key={turn.key}>
                <td>{timeOf(turn.at)}</td><td>{duration(turn.durationMs)}</td><td>{turn.files || ''}</td>
                <td><meter min={0} max={most} value={turn.tokens} aria-hidden="true" />{turn.costMicros !== null ? money(turn.costMicros) : shortNumber(turn.tokens)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  )
}

function grouped<T>(all: readonly T[], by: (one: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const one of all) found.set(by(one), [...(found.get(by(one)) ?? []), one])
  return found
}

function Viewers({ workspace }: { workspace: Workspace }) {
  const who = presence.value.get(workspace.id) ?? []
  if (who.length === 0) return null
  // Somebody who looks from several devices is one person.
  const people = grouped(who, ({ who: name }) => name)
  return (
    <Part title={`${plural(who.length, 'viewer')} now`}>
      <ul class="people">{[...people].map(([name, looks]) => <li key={name}><span class="face" aria-hidden="true">{name.charAt(0).toUpperCase()}</span>{inert(name)} <span class="meta">{[...grouped(looks, ({ client: by, at }) => `on ${by}${at ? `, ${at}` : ''}`)].map(([place, same]) => (same.length > 1 ? `${place}, ${same.length} times` : place)).join('; ')}</span></li>)}</ul>
    </Part>
  )
}

/** Each step of getting ready with its time, and what the machine said. */
function Boot({ workspace }: { workspace: Workspace }) {
  const log = useSignal<string | null>(null)
  const open = useSignal(false)
  useEffect(() => {
    if (!open.value || log.value !== null) return
    void attempt(() => Promise.all((['boot', 'setup'] as const).map((source) => client.logs({ id: workspace.id, source })))).then((answers) => (log.value = (answers ?? []).map(({ text }) => text).filter(Boolean).join('\n')))
  }, [open.value])
  if (workspace.steps.length === 0) return null
  const steps = workspace.steps.map((step) => ({ kind: 'step' as const, key: `s:${step.step}`, at: step.startedAt ?? 0, title: step.title, state: step.state, durationMs: step.durationMs, detail: step.detail }))
  return (
    <Part title="Start">
      <Steps steps={steps} />
      <details class="log" onToggle={(event) => (open.value = event.currentTarget.open)}>
        <summary class="btn quiet">Boot log</summary>
        <pre class="out" tabIndex={0}>{log.value === null ? 'Reading…' : inert(log.value) || 'It says nothing.'}</pre>
      </details>
    </Part>
  )
}
