/** The pull request of a workspace: opened by a tap, and what its checks say told to the agent by another. */
import type { ComponentChildren, FunctionComponent } from 'preact'
import { useSignal } from '@preact/signals'
import type { Workspace } from '@berth/wire'
import { client, offlineSince } from '../state/session.ts'
import { say } from '../shell/toast.tsx'
import { inert } from '../ui/inert.ts'
import { plural } from '../ui/words.ts'
import { refusalOf, useLoaded, type Refusal } from './loaded.ts'
import { RefusalLine } from './refusal-line.tsx'

type Status = Awaited<ReturnType<typeof client.pullStatus>>
/** There is no GitHub behind it. */
const ELSEWHERE = new Set(['unsupported', 'forbidden', 'not_found', 'conflict'])

/** `Part`: what it stands in where there is something to show. */
export function PullPart({ workspace, Part }: { workspace: Workspace; Part: FunctionComponent<{ title: string; children: ComponentChildren }> }) {
  const status = useLoaded(workspace.id, (signal) => client.pullStatus({ id: workspace.id }, signal))
  const busy = useSignal(false)
  const refusal = useSignal<Refusal | null>(null)
  const now = status.value.value
  const failed = status.refusal.value
  if (now === null && (failed === null || ELSEWHERE.has(failed.code))) return null
  const work = async (call: () => Promise<string>) => {
    busy.value = true
    refusal.value = null
    try {
      say(await call())
      status.reload()
    } catch (error) {
      refusal.value = refusalOf(error)
    } finally {
      busy.value = false
    }
  }
  const off = busy.value || offlineSince.value !== null
  return (
    <Part title="Pull request">
      <RefusalLine refusal={refusal.value ?? failed} onRetry={status.reload} />
      {now && <><Says status={now} /><Acts status={now} id={workspace.id} off={off} work={(call) => void work(call)} /></>}
    </Part>
  )
}

function Says({ status: { pull, branch, ...rest } }: { status: Status }) {
  const words = pull === null ? 'none yet' : pull.draft ? 'draft' : pull.state
  return <p class="pull-says">{pull !== null && /^https?:/.test(pull.url) ? <a href={pull.url} target="_blank" rel="noreferrer">#{pull.number} {inert(pull.title)}</a> : inert(branch)}<small>{words}, {checksOf(rest)}</small></p>
}

function Acts({ status: { pull, checks, results, commit, tell }, id, off, work }: { status: Status; id: Workspace['id']; off: boolean; work: (call: () => Promise<string>) => void }) {
  return (
    <div class="row">
      {pull?.state !== 'open' && <button type="button" class="btn" disabled={off} onClick={() => work(async () => `Opened #${(await client.createPull({ id })).number}`)}>Open a pull request</button>}
      {results.length > 0 && <button type="button" class={checks === 'failed' ? 'btn main' : 'btn'} disabled={off} onClick={() => work(async () => ((await client.tellChecks({ id })).status === 'queued' ? 'The agent is told when it can be reached' : 'The agent is told'))}>Tell the agent the CI result</button>}
      {commit !== null && <label class="check-row small"><input type="checkbox" checked={tell === true} disabled={off} onChange={(event) => { const wanted = event.currentTarget.checked; work(async () => ((await client.watchPull({ id, tell: wanted })).tell ? 'The agent is told when a check fails' : 'The agent is told when you say so')) }} /><span>Tell it by itself when one fails</span></label>}
    </div>
  )
}

const GOOD = new Set(['success', 'neutral', 'skipped'])
function checksOf({ checks, results }: Pick<Status, 'checks' | 'results'>): string {
  if (checks === 'none') return 'no check yet'
  const bad = results.filter(({ conclusion }) => conclusion !== null && !GOOD.has(conclusion)).length
  if (checks === 'failed') return `${bad} of ${plural(results.length, 'check')} failed`
  return checks === 'running' ? `${plural(results.length, 'check')}, still running` : `${plural(results.length, 'check')} passed`
}
