import { useSignal } from '@preact/signals'
import type { Decision } from '@berth/wire'
import type { Card } from '../state/stream-view.ts'
import { attempt, client, refresh } from '../state/session.ts'
import { Icon } from './icon.tsx'

/** The decision stands in the card: what is asked, the whole command, deny then allow. */
export function ApprovalCard({ card }: { card: Card & { kind: 'approval' } }) {
  const sending = useSignal(false)
  const waits = card.state === 'open' || card.state === 'orphaned'
  const decide = async (decision: Pick<Decision, 'behavior'>) => {
    sending.value = true
    await attempt(() => client.decideApproval({ id: card.ask.approvalId, decision: { ...decision, scope: 'once' }, via: 'web' }))
    sending.value = false
    await refresh()
  }
  return (
    <section class={`ask ${waits ? '' : 'past'}`} aria-label={card.ask.title}>
      <div class="in">
        <h3><Icon name={waits ? 'st-needs' : card.behavior === 'deny' ? 'i-x' : 'i-check'} /> {card.ask.title}</h3>
        <pre class="cmd">{commandOf(card)}</pre>
        {card.state === 'orphaned' && <p class="meta">The agent stopped while it waited. Your answer wakes it.</p>}
        {!waits && <p class="meta">{verdict(card)}</p>}
      </div>
      {waits && (
        <div class="acts">
          <button type="button" disabled={sending.value} onClick={() => void decide({ behavior: 'deny' })}>Deny</button>
          <button type="button" class="main" disabled={sending.value} onClick={() => void decide({ behavior: 'allow' })}>Allow once</button>
        </div>
      )}
    </section>
  )
}

function commandOf({ ask }: Card & { kind: 'approval' }): string {
  const command = ask.input['command']
  if (typeof command === 'string') return command
  const path = ask.input['file_path']
  return typeof path === 'string' ? `${ask.tool} ${path}` : JSON.stringify(ask.input, null, 2)
}

function verdict(card: Card & { kind: 'approval' }): string {
  if (card.state === 'superseded') return 'Asked again below.'
  const word = card.behavior === 'deny' ? 'Denied' : 'Allowed'
  const by = card.by ? ` by ${card.by.who} on ${card.by.via}` : ''
  return `${word}${by}${card.state === 'decided' ? ', on its way to the agent' : ''}.`
}
